"""The table of a mailing's messages, filtered by state and by a part of the number."""

import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from vestnik.dashboard.web.decorators import OperatorRequest
from vestnik.dashboard.web.paging import paginate
from vestnik.dashboard.wording.state_labels import MESSAGE_STATES
from vestnik.dispatch.read import messages
from vestnik.mailings.models import Mailing

SIZE = 25


class MessageFilter(forms.Form):
    """The filter of the table; invalid values are ignored."""

    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[("", _("all states")), *MESSAGE_STATES.items()],
    )
    number = forms.CharField(
        required=False,
        max_length=40,
        label=_("Part of the number"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    @classmethod
    def read(cls, query: QueryDict) -> "MessageFilter":
        form = cls(query)
        form.is_valid()
        return form

    @property
    def chosen(self) -> str:
        """The chosen state; empty for all."""
        return str(self.cleaned_data.get("state", ""))

    @property
    def narrows(self) -> bool:
        """Whether the filter excludes any messages."""
        return bool(self.chosen or self.digits)

    @property
    def digits(self) -> str:
        """The digits of the number, as typed."""
        return re.sub(r"\D", "", self.cleaned_data.get("number", ""), flags=re.ASCII)

    @property
    def query(self) -> str:
        """The query string for the same messages; empty for all."""
        parameters = {"state": self.chosen, "number": self.cleaned_data.get("number", "")}
        return urlencode({name: value for name, value in parameters.items() if value})


def table(request: OperatorRequest, mailing: Mailing) -> dict[str, Any]:
    """Return the context of the table."""
    message_filter = MessageFilter.read(request.GET)
    state, digits = message_filter.chosen or None, message_filter.digits
    find = partial(messages.find, mailing=mailing.id, state=state, digits=digits)
    return {
        "wanted": message_filter,
        "found": paginate(request, find, size=SIZE),
        "mailing": mailing,
    }

"""The table of a mailing's messages: by state, by a part of the number, page by page."""

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
    """Which messages; what is not understood is not asked."""

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
        """The state that is asked for; empty for all."""
        return str(self.cleaned_data.get("state", ""))

    @property
    def narrows(self) -> bool:
        """Whether fewer than all are asked for."""
        return bool(self.chosen or self.digits)

    @property
    def digits(self) -> str:
        """The digits of the number, as they are typed."""
        return re.sub(r"\D", "", self.cleaned_data.get("number", ""), flags=re.ASCII)

    @property
    def query(self) -> str:
        """What of an address asks for the same messages; empty for all."""
        asked = {"state": self.chosen, "number": self.cleaned_data.get("number", "")}
        return urlencode({name: value for name, value in asked.items() if value})


def table(request: OperatorRequest, mailing: Mailing) -> dict[str, Any]:
    """What the table is drawn of."""
    wanted = MessageFilter.read(request.GET)
    state, digits = wanted.chosen or None, wanted.digits
    find = partial(messages.find, mailing=mailing.id, state=state, digits=digits)
    return {"wanted": wanted, "found": paginate(request, find, size=SIZE), "mailing": mailing}

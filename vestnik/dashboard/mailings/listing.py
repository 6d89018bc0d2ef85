"""The list of all mailings, the newest first."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.web.paging import paginate
from vestnik.dashboard.wording.state_labels import MAILING_STATES
from vestnik.dispatch.read.progress import progress_of, reached
from vestnik.mailings.models import Mailing

SIZE = 20
TESTS = "test"
#: A search for "№ 12", "#12" or "12" also finds the mailing of that number.
NUMBER = re.compile(r"(?:№|#)?\s*(\d{1,18})", re.ASCII)

Choice = tuple[str, Promise | str]
CHOICES: Sequence[Choice] = (*MAILING_STATES.items(), (TESTS, _("test sends")))


class Search(forms.Form):
    """The search fields; invalid values are ignored."""

    state = forms.ChoiceField(required=False, choices=CHOICES)
    q = forms.CharField(required=False, max_length=200)

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, str]:
        """Return the valid values; empty for the others."""
        form = cls(query)
        form.is_valid()
        return {name: form.cleaned_data.get(name, "") for name in cls.base_fields}


@page()
def mailing_list(request: OperatorRequest) -> HttpResponse:
    """List mailings, by state, by a part of the name or by number."""
    search = Search.read(request.GET)
    mailings = _by_name(_in_state(search["state"]), search["q"])
    mailing_page = paginate(
        request, lambda keyset: keyset.take(mailings), newest_first=True, size=SIZE
    )
    context = {
        "asked": search,
        "page": mailing_page,
        "entries": _entries(mailing_page.rows),
        "filters": _filters(search),
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/list.html", context)


def _in_state(state: str) -> QuerySet[Mailing]:
    if state == TESTS:
        return Mailing.objects.filter(is_test=True)
    mailings = Mailing.objects.filter(is_test=False)
    return mailings.filter(state=state) if state else mailings


def _by_name(mailings: QuerySet[Mailing], words: str) -> QuerySet[Mailing]:
    if not words:
        return mailings
    matches = Q(name__icontains=words)
    if number := NUMBER.fullmatch(words):
        matches |= Q(id=int(number[1]))
    return mailings.filter(matches)


def _entries(mailings: Sequence[Mailing]) -> list[dict[str, Any]]:
    progress = progress_of([mailing.id for mailing in mailings])
    return [
        {
            "mailing": mailing,
            "progress": progress[mailing.id],
            "reached": reached(progress[mailing.id]),
        }
        for mailing in mailings
    ]


def _filters(search: dict[str, str]) -> list[dict[str, Any]]:
    """Return the filters with their counts under the same search; empty ones are left out."""
    searched = _by_name(Mailing.objects.order_by(), search["q"])
    counted = searched.values_list("is_test", "state").annotate(Count("id"))
    counts = dict.fromkeys(("", *dict(CHOICES)), 0)
    for is_test, state, count in counted:
        for name in (TESTS,) if is_test else ("", state):
            counts[name] += count
    labels = {"": _("all"), **dict(CHOICES)}
    return [
        {"state": state, "label": labels[state], "count": count}
        for state, count in counts.items()
        if count or state in ("", search["state"])
    ]

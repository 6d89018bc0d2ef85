"""Finding clients among a million: by a part of the number, and by what else is known of them.

There is no index on parts of numbers. One on trigrams made inserting a million clients two thirds
slower (36 s for 21 s); reading a million numbers from the index on whole ones takes 0.15 s. So each
search reads them once, for its rows and for their count together.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from vestnik.audience.filters.conditions import tagged
from vestnik.audience.models import Client, SavedAudience
from vestnik.audience.phone import OPERATOR_CODE, holding_digits
from vestnik.audience.phone_parsing import normalised
from vestnik.audience.validation import LONGEST_TAG
from vestnik.dashboard.clients.text_search import containing_text
from vestnik.dispatch.prepare.recipients import select_recipients

#: More than these are not counted one by one.
MOST_COUNTED = 10_000
#: Up to so many are counted by an index; beyond that the planner's estimate is said.
MOST_EXACT = 2_000_000
NOT_DIGITS = re.compile(r"[^0-9]", re.ASCII)
LETTERS = re.compile(r"[^\W\d_]")


class SearchForm(forms.Form):
    """What is asked for. What is wrong with it stands beside its field, and selects nobody."""

    q = forms.CharField(required=False, max_length=100, label=_("Number, name or text"))
    code = forms.CharField(required=False, max_length=3, label=_("Prefix"))
    tag = forms.CharField(required=False, max_length=LONGEST_TAG, label=_("Tag"))
    audience = forms.ModelChoiceField(
        SavedAudience.objects.none(), required=False, label=_("Audience"), empty_label=_("any")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        audience: Any = self.fields["audience"]
        audience.queryset = SavedAudience.objects.order_by("name").only("name", "filter")
        self.fields["q"].widget.attrs |= {"type": "search"}
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "list": "codes"}
        self.fields["tag"].widget.attrs |= {"list": "tags"}

    def clean_q(self) -> str:
        written: str = self.cleaned_data["q"]
        self.written = written
        return written if LETTERS.search(written) else digits_of(written) or written

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if code and not OPERATOR_CODE.fullmatch(code):
            raise ValidationError(_("Three digits, for example 926."))
        return code

    def filters(self) -> dict[str, Any]:
        """What narrows the list; of `q` also as it was written: of a date the dashes count."""
        self.is_valid()
        asked = {name: value for name, value in self.cleaned_data.items() if value}
        return asked | {"written": self.written} if "q" in asked else asked

    def describe(self) -> list[tuple[Any, str]]:
        """Each field that narrows the list, with what it asks for."""
        asked = self.filters()
        return [
            (self.fields[name].label, asked["written"] if name == "q" else str(asked[name]))
            for name in self.fields
            if name in asked
        ]


@dataclass(frozen=True)
class SearchResult:
    """The clients that fit, and how many: exactly, about, or more than that."""

    clients: QuerySet[Client]
    count: int
    kind: str = "exact"


def digits_of(written: str) -> str:
    """The digits of a part of a number, however it is written; raises ValidationError."""
    if LETTERS.search(written):
        raise ValidationError(_("A number has no letters: type some of its digits."))
    return normalised(written) or NOT_DIGITS.sub("", written)


def find(asked: Mapping[str, Any]) -> SearchResult:
    """The clients that fit all that is asked."""
    clients = selected(asked)
    # Read by the number alone, so that its index has all that the search needs.
    numbers = list(clients.values_list("phone_number", flat=True)[: MOST_COUNTED + 1])
    if len(numbers) <= MOST_COUNTED:
        few = Client.objects.filter(phone_number__in=numbers) if asked else clients
        return SearchResult(few, len(numbers))
    if "q" in asked:
        return SearchResult(clients, MOST_COUNTED, "more")
    # By an index: 0.1 s a million. The planner's estimate was half of it after an import.
    exact = clients[: MOST_EXACT + 1].count()
    if exact <= MOST_EXACT:
        return SearchResult(clients, exact)
    return SearchResult(clients, max(_estimate(clients), MOST_EXACT), "about")


def selected(asked: Mapping[str, Any]) -> QuerySet[Client]:
    """All of them, in no order."""
    saved = asked.get("audience")
    clients = select_recipients(saved.filter if saved else {})
    if searched := asked.get("q"):
        clients = _matching(clients, searched, asked.get("written", searched))
    if code := asked.get("code"):
        clients = clients.filter(operator_code=code)
    if tag := asked.get("tag"):
        clients = clients.filter(tagged([tag]))
    return clients


def _matching(clients: QuerySet[Client], searched: str, written: str) -> QuerySet[Client]:
    """By the number; by tags and attributes where it has letters, or where no number fits."""
    if not searched.isdecimal():
        return clients.filter(containing_text(searched))
    by_number = clients.filter(holding_digits(searched))
    if by_number.exists():
        return by_number
    return clients.filter(containing_text(searched) | containing_text(written))


def _estimate(clients: QuerySet[Client]) -> int:
    """What the planner expects: good for all clients, for an operator code and for a tag."""
    (found,) = json.loads(clients.explain(format="json"))
    return _rounded(int(found["Plan"]["Plan Rows"]))


def _rounded(count: int) -> int:
    """To three figures: more would pretend to know."""
    unit = 10 ** max(0, len(str(count)) - 3)
    return int(round(count / unit) * unit)

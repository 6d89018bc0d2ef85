"""The rows of conditions that a page submits, in their groups."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import QueryDict

from vestnik.audience.filters.rules import MOST_ATTRIBUTES
from vestnik.dashboard.audience_builder.condition_kinds import OF_MAILINGS
from vestnik.dashboard.audience_builder.conditions import ConditionForm

GROUPS = ("include", "exclude")
#: As many conditions as a filter may have: attributes, codes, tags, and those on mailings.
MOST_ROWS = MOST_ATTRIBUTES + 2 + len(OF_MAILINGS)


def row_form(
    group: str, number: int, *, data: Any = None, initial: Any = None, is_new: bool = False
) -> ConditionForm:
    """Return the form of one row, with the submitted or with initial values."""
    form = ConditionForm(data, initial=initial, prefix=f"{group}-{number}")
    form.number, form.is_new = number, is_new
    return form


def row_numbers(data: QueryDict, group: str) -> list[int]:
    """Return the numbers of a group's submitted rows."""
    unique_numbers = dict.fromkeys(data.getlist(group))
    return [int(n) for n in unique_numbers if n.isascii() and n.isdigit() and len(n) < 4][
        :MOST_ROWS
    ]


def remaining_rows(data: QueryDict, group: str) -> Iterator[ConditionForm]:
    """Yield the submitted rows, except the one that is to be removed."""
    for number in row_numbers(data, group):
        if data.get("remove") != f"{group}-{number}":
            submitted = row_form(group, number, data=data)
            yield row_form(group, number, initial=submitted.as_sent())


def merge_parts(rows: Sequence[ConditionForm]) -> dict[str, Any]:
    """Return the filter that the valid rows of a group make."""
    parts: dict[str, Any] = {}
    for row in rows:
        for kind, values in row.part().items():
            if kind in ("attributes", "mailings"):
                parts.setdefault(kind, {}).update(values)
            else:
                parts[kind] = values
    return parts

"""Keyset pagination of a long list by id: every page costs as much as the first."""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)

#: The largest bigint.
MAX_ID = 2**63 - 1
CURSOR = re.compile(r"([nb])([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True)
class Keyset:
    """Up to `limit` rows after the id `after_id`, or from the start of the list if it is None."""

    ascending: bool
    after_id: int | None
    limit: int

    @property
    def order(self) -> str:
        return "id" if self.ascending else "-id"

    def remaining(self) -> Q:
        """Return the condition for ids that are not read yet."""
        if self.after_id is None:
            return Q()
        return Q(id__gt=self.after_id) if self.ascending else Q(id__lt=self.after_id)

    def up_to(self, reach: int | None) -> Q:
        """Return the condition for ids up to `reach`; None sets no bound."""
        if reach is None:
            return Q()
        return Q(id__lte=reach) if self.ascending else Q(id__gte=reach)

    def take(self, rows: QuerySet[Row, Any]) -> list[Row]:
        """Return the rows in the order of the keyset."""
        return list(rows.filter(self.remaining()).order_by(self.order)[: self.limit])

    def advance(self, after_id: int, taken: int) -> "Keyset":
        """Return the keyset of the rows that remain."""
        return replace(self, after_id=after_id, limit=self.limit - taken)


@dataclass(frozen=True)
class Cursor:
    """The position of a page: the rows after `id`, or those before it."""

    back: bool
    id: int

    def __str__(self) -> str:
        return f"{'b' if self.back else 'n'}{self.id}"

    @classmethod
    def parse(cls, cursor: str) -> "Cursor":
        """Parse a cursor. Raises ValueError for a malformed one."""
        match = CURSOR.fullmatch(cursor) or _match_earlier_version(cursor)
        if match is None or int(match[2]) > MAX_ID:
            raise ValueError(cursor)
        return cls(match[1] == "b", int(match[2]))


def _match_earlier_version(cursor: str) -> re.Match[str] | None:
    """Match a cursor of an earlier version, which was the same text in base64."""
    try:
        return CURSOR.fullmatch(urlsafe_b64decode(cursor.encode()).decode())
    except (Base64Error, UnicodeError):
        return None


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page and the cursors of its neighbours."""

    rows: list[Row]
    next: Cursor | None
    previous: Cursor | None


def fetch_page(
    cursor: Cursor | None,
    size: int,
    take: Callable[[Keyset], list[Row]],
    *,
    newest_first: bool = False,
) -> Page[Row]:
    """Return the page of `size` rows at the cursor; `take` reads the rows of a keyset."""
    back = cursor is not None and cursor.back
    keyset = Keyset(back == newest_first, cursor.id if cursor else None, size + 1)
    fetched = take(keyset)
    more, rows = len(fetched) > size, fetched[:size]
    if cursor is not None and not rows:
        return _page_of_deleted_rows(cursor, newest_first=newest_first)
    if back:
        rows.reverse()
    onward, backward = (cursor is not None, more) if back else (more, cursor is not None)
    return Page(
        rows,
        next=Cursor(False, rows[-1].pk) if rows and onward else None,
        previous=Cursor(True, rows[0].pk) if rows and backward else None,
    )


def _page_of_deleted_rows(cursor: Cursor, *, newest_first: bool) -> Page[Row]:
    """Return an empty page whose rows were deleted, with cursors of its neighbours."""
    beside = cursor.id + 1 if newest_first == cursor.back else max(0, cursor.id - 1)
    other = Cursor(not cursor.back, min(beside, MAX_ID))
    return Page([], next=other if cursor.back else None, previous=None if cursor.back else other)

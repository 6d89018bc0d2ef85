"""Pages of a long list by a cursor over ids: no page costs more than the first."""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from vestnik.reports.keyset import Row, Walk

MOST_ID = 2**63 - 1
PLACE = re.compile(r"([nb])([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Where a page is: next to `id`, further on in the list or back from there."""

    back: bool
    id: int

    def __str__(self) -> str:
        return f"{'b' if self.back else 'n'}{self.id}"

    @classmethod
    def read(cls, cursor: str) -> "Place":
        """Raises ValueError where it is no cursor of ours."""
        match = PLACE.fullmatch(cursor) or _of_earlier_version(cursor)
        if match is None or int(match[2]) > MOST_ID:
            raise ValueError(cursor)
        return cls(match[1] == "b", int(match[2]))


def _of_earlier_version(cursor: str) -> re.Match[str] | None:
    """Cursors were wrapped in base64, which no schema can tell from another text."""
    try:
        return PLACE.fullmatch(urlsafe_b64decode(cursor.encode()).decode())
    except (Base64Error, UnicodeError):
        return None


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page and the places beside it."""

    rows: list[Row]
    next: Place | None
    previous: Place | None


def page_at(
    place: Place | None,
    size: int,
    take: Callable[[Walk], list[Row]],
    *,
    newest_first: bool = False,
) -> Page[Row]:
    """The page of `size` rows at the place, of the list that `take` walks through."""
    back = place is not None and place.back
    walk = Walk(back == newest_first, place.id if place else None, size + 1)
    found = take(walk)
    more, rows = len(found) > size, found[:size]
    if place is not None and not rows:
        return _emptied(place, newest_first=newest_first)
    if back:
        rows.reverse()
    onward, backward = (place is not None, more) if back else (more, place is not None)
    return Page(
        rows,
        next=Place(False, rows[-1].pk) if rows and onward else None,
        previous=Place(True, rows[0].pk) if rows and backward else None,
    )


def _emptied(place: Place, *, newest_first: bool) -> Page[Row]:
    """A page all of whose rows are gone since it was named: it leads back to those beside it."""
    beside = place.id + 1 if newest_first == place.back else max(0, place.id - 1)
    other = Place(not place.back, min(beside, MOST_ID))
    return Page([], next=other if place.back else None, previous=None if place.back else other)

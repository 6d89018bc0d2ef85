"""Pages of a list: `{next, previous, results}`, by a cursor over ids."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from vestnik.api.fields import AskedWhole, StrictSerializer, Text
from vestnik.reports.walk import Row, Walk

USUAL_SIZE = 100
LARGEST_SIZE = 1000
PLACE = re.compile(r"([nb])([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Where a page is: next to `id`, further on in the list or back from there."""

    back: bool
    id: int

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{'b' if self.back else 'n'}{self.id}".encode()).decode()

    @classmethod
    def read(cls, cursor: str) -> "Place":
        """Raises ValueError where it is no cursor of ours."""
        try:
            match = PLACE.fullmatch(urlsafe_b64decode(cursor.encode()).decode())
        except (Base64Error, UnicodeError):
            match = None
        if match is None or int(match[2]) >= 2**63:
            raise ValueError(cursor)
        return cls(match[1] == "b", int(match[2]))


class CursorField(Text):
    """A cursor as an address of a page has it."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return Place.read(super().to_internal_value(data))
        except ValueError:
            remedy = "Take it from `next` or `previous` of a page, or leave it out."
            raise serializers.ValidationError(remedy) from None


class PageQuery(StrictSerializer):
    """What every list takes."""

    cursor = CursorField(required=False, help_text="From `next` or `previous` of another page.")
    page_size = AskedWhole(required=False, min_value=1, max_value=LARGEST_SIZE, default=USUAL_SIZE)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page and the places beside it."""

    rows: list[Row]
    next: Place | None
    previous: Place | None


def page_of(
    asked: dict[str, Any], take: Callable[[Walk], list[Row]], *, newest_first: bool = False
) -> Page[Row]:
    """The page that was asked for, of the list that `take` walks through."""
    place: Place | None = asked.get("cursor")
    back = place is not None and place.back
    size: int = asked["page_size"]
    walk = Walk(back == newest_first, place.id if place else None, size + 1)
    found = take(walk)
    more, rows = len(found) > size, found[:size]
    if back:
        rows.reverse()
    onward, backward = (place is not None, more) if back else (more, place is not None)
    return Page(
        rows,
        next=Place(False, rows[-1].pk) if rows and onward else None,
        previous=Place(True, rows[0].pk) if rows and backward else None,
    )


def answer(request: Request, page: Page[Any], results: Any) -> Response:
    """The page as it is answered."""
    return Response(
        {
            "next": _address(request, page.next),
            "previous": _address(request, page.previous),
            "results": results,
        }
    )


def _address(request: Request, place: Place | None) -> str | None:
    if place is None:
        return None
    here = request.build_absolute_uri()
    return replace_query_param(remove_query_param(here, "cursor"), "cursor", str(place))

"""Pages of a list on a page: the rows, and the addresses of the pages beside them.

page = paged(request, lambda walk: walk.take(clients))
{% include "components/pager.html" with newer=page.newer older=page.older %}
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

from django.http import HttpRequest

from vestnik.reports.keyset import Row, Walk
from vestnik.reports.paging import Place, page_at

CURSOR = "cursor"
SIZE = 50


@dataclass(frozen=True)
class Paged(Generic[Row]):
    """A page's rows; an address is empty where there is no such page."""

    rows: list[Row]
    newer: str
    older: str


def paged(
    request: HttpRequest,
    take: Callable[[Walk], list[Row]],
    *,
    newest_first: bool = False,
    size: int = SIZE,
) -> Paged[Row]:
    """The page that the address names. A cursor that is none of ours is the first page; of a page
    whose rows are gone by now the one before is shown."""
    place = _place(request)
    page = page_at(place, size, take, newest_first=newest_first)
    if place is not None and not page.rows:
        page = page_at(page.previous, size, take, newest_first=newest_first)
        page = page if place.back else replace(page, next=None)
    return Paged(page.rows, _address(request, page.previous), _address(request, page.next))


def _place(request: HttpRequest) -> Place | None:
    try:
        return Place.read(request.GET[CURSOR])
    except (KeyError, ValueError):
        return None


def _address(request: HttpRequest, place: Place | None) -> str:
    if place is None:
        return ""
    query = request.GET.copy()
    query[CURSOR] = str(place)
    return f"{request.path}?{query.urlencode()}"

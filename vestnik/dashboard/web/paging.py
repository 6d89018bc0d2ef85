"""Pages of a list on a page: the rows, and the addresses of the pages beside them.

page = paged(request, lambda walk: walk.take(clients))
{% include "components/pager.html" with newer=page.newer older=page.older %}
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

from django.http import HttpRequest

from vestnik.db.keyset import Cursor, Keyset, Row, fetch_page

CURSOR = "cursor"
SIZE = 50


@dataclass(frozen=True)
class TablePage(Generic[Row]):
    """A page's rows; an address is empty where there is no such page."""

    rows: list[Row]
    newer: str
    older: str


def paginate(
    request: HttpRequest,
    take: Callable[[Keyset], list[Row]],
    *,
    newest_first: bool = False,
    size: int = SIZE,
) -> TablePage[Row]:
    """The page that the address names. A cursor that is none of ours is the first page; of a page
    whose rows are gone by now the one before is shown."""
    cursor = _cursor_of(request)
    page = fetch_page(cursor, size, take, newest_first=newest_first)
    if cursor is not None and not page.rows:
        page = fetch_page(page.previous, size, take, newest_first=newest_first)
        page = page if cursor.back else replace(page, next=None)
    return TablePage(page.rows, _url_of(request, page.previous), _url_of(request, page.next))


def _cursor_of(request: HttpRequest) -> Cursor | None:
    try:
        return Cursor.parse(request.GET[CURSOR])
    except (KeyError, ValueError):
        return None


def _url_of(request: HttpRequest, cursor: Cursor | None) -> str:
    if cursor is None:
        return ""
    query = request.GET.copy()
    query[CURSOR] = str(cursor)
    return f"{request.path}?{query.urlencode()}"

"""Pagination of lists: the rows, and the URLs of the neighbouring pages.

page = paginate(request, lambda keyset: keyset.take(clients))
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
    """The rows of a page; a URL is empty if there is no such page."""

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
    """Return the page of the URL's cursor.

    A malformed cursor gives the first page. If all rows of a page are gone, the one before it is
    returned.
    """
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

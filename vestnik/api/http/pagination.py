"""Pages of a list as `{next, previous, results}`, by a cursor over ids."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from vestnik.api.http.fields import QueryInteger, StrictSerializer, Text
from vestnik.db.keyset import Cursor, Keyset, Page, Row, fetch_page

#: Rows of a page: by default, and at most, which bounds the work of a request (decision 0092).
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000


@extend_schema_field({"type": "string", "pattern": "^[nb][0-9]{1,18}$", "example": "n100"})
class CursorField(Text):
    """A cursor in the query string."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return Cursor.parse(super().to_internal_value(data))
        except ValueError:
            remedy = "Take it from `next` or `previous` of a page, or leave it out."
            raise serializers.ValidationError(remedy) from None


class PageQuery(StrictSerializer):
    """The query parameters of every list."""

    cursor = CursorField(
        required=False, help_text="The cursor in `next` or `previous` of another page."
    )
    page_size = QueryInteger(
        required=False, min_value=1, max_value=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE
    )


def paginate(
    query: dict[str, Any], take: Callable[[Keyset], list[Row]], *, newest_first: bool = False
) -> Page[Row]:
    """Return the requested page; `take` reads the rows of a keyset."""
    return fetch_page(query.get("cursor"), query["page_size"], take, newest_first=newest_first)


def page_response(request: Request, page: Page[Any], results: Any) -> Response:
    """Return the page as a response."""
    return Response(
        {
            "next": _url_of(request, page.next),
            "previous": _url_of(request, page.previous),
            "results": results,
        }
    )


def _url_of(request: Request, cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    here = request.build_absolute_uri()
    return replace_query_param(remove_query_param(here, "cursor"), "cursor", str(cursor))

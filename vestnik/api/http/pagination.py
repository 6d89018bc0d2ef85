"""Pages of a list: `{next, previous, results}`, by a cursor over ids."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from vestnik.api.http.fields import AskedWhole, StrictSerializer, Text
from vestnik.reports.keyset import Row, Walk
from vestnik.reports.paging import Page, Place, page_at

USUAL_SIZE = 100
LARGEST_SIZE = 1000


@extend_schema_field({"type": "string", "pattern": "^[nb][0-9]{1,18}$", "example": "n100"})
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


def page_of(
    asked: dict[str, Any], take: Callable[[Walk], list[Row]], *, newest_first: bool = False
) -> Page[Row]:
    """The page that was asked for, of the list that `take` walks through."""
    return page_at(asked.get("cursor"), asked["page_size"], take, newest_first=newest_first)


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

"""The events of a mailing: what was done, by whom, when and why."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.statistics import EventShown
from vestnik.api.mailings.views import get_mailing


class EventPage(serializers.Serializer[Any]):
    """A page of events, oldest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EventShown(many=True)


class Events(StrictAPIView):
    """The events of one mailing."""

    query_class = pagination.PageQuery

    @extend_schema(
        parameters=[pagination.PageQuery], responses=EventPage, operation_id="mailings_events"
    )
    def get(self, request: Request, id: int) -> Response:
        """List the events of a mailing, oldest first."""
        events = get_mailing(id).events.all()
        page = pagination.paginate(self.query, lambda keyset: keyset.take(events))
        return pagination.page_response(request, page, EventShown(page.rows, many=True).data)

"""The stop list: numbers that must never be sent to."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.fields import (
    Instant,
    PhoneNumber,
    PhoneNumbers,
    StrictSerializer,
    Text,
    validate,
)
from vestnik.api.http.idempotency import KEY_WITHOUT_EFFECT
from vestnik.api.http.views import StrictAPIView
from vestnik.audience.stop_list import LONGEST_REASON, Source, StopListEntry, is_number
from vestnik.audience.upsert import MOST_AT_ONCE
from vestnik.dispatch.suppress.opt_out import stop_numbers

STOPPED = {"phone_numbers": ["79261234567"], "reason": "asked by telephone"}
ENTRY = {
    "id": 1,
    "phone_number": "79261234567",
    "reason": "asked by telephone",
    "source": "api",
    "created_at": "2026-11-24T09:00:00Z",
}


@extend_schema_serializer(
    component_name="StopListEntry",
    examples=[OpenApiExample("An entry", ENTRY, response_only=True)],
)
class EntryShown(serializers.Serializer[Any]):
    """A number that must never be sent to."""

    id = serializers.IntegerField()
    phone_number = serializers.CharField(
        allow_null=True,
        help_text="Null after the client's erasure: the entry then has a keyed hash of the number.",
    )
    reason = serializers.CharField()
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]  # a field
    created_at = Instant()


class EntryQuery(pagination.PageQuery):
    """Which entries to list."""

    phone_number = PhoneNumber(
        required=False, help_text="Also finds the entry of an erased number."
    )


class EntryPage(serializers.Serializer[Any]):
    """A page of the stop list, by ascending id."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EntryShown(many=True)


@extend_schema_serializer(
    component_name="Stopped", examples=[OpenApiExample("One", STOPPED, request_only=True)]
)
class StoppedBody(StrictSerializer):
    """Numbers to put on the stop list."""

    phone_numbers = PhoneNumbers(most=MOST_AT_ONCE)
    reason = Text(required=False, allow_blank=True, max_length=LONGEST_REASON)


@extend_schema_serializer(
    examples=[OpenApiExample("One", {"added": 1, "known": 0}, response_only=True)]
)
class StoppedAnswer(serializers.Serializer[Any]):
    """How many numbers were added to the list, and how many were on it already."""

    added = serializers.IntegerField()
    known = serializers.IntegerField()


class StopList(StrictAPIView):
    """The whole list."""

    key_without_effect = ("POST",)
    query_class = EntryQuery

    @extend_schema(parameters=[EntryQuery], responses=EntryPage, operation_id="stop_list")
    def get(self, request: Request) -> Response:
        """List the numbers that must never be sent to."""
        entries = StopListEntry.objects.all()
        if number := self.query.get("phone_number"):
            entries = entries.filter(is_number(number))
        page = pagination.paginate(self.query, lambda keyset: keyset.take(entries))
        return pagination.page_response(request, page, EntryShown(page.rows, many=True).data)

    @extend_schema(
        request=StoppedBody,
        responses=StoppedAnswer,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="stop_list_add",
    )
    def post(self, request: Request) -> Response:
        """Put numbers on the stop list. Their queued messages are taken back at once."""
        fields = validate(StoppedBody, request.data)
        numbers = set(fields["phone_numbers"])
        added = stop_numbers(numbers, Source.API, fields.get("reason", ""))
        return Response({"added": added, "known": len(numbers) - added})


class OneEntry(StrictAPIView):
    """One number of the list."""

    @extend_schema(responses={204: None}, operation_id="stop_list_remove")
    def delete(self, request: Request, id: int) -> Response:
        """Remove a number from the stop list. Messages that were taken back are not sent."""
        deleted, _ = StopListEntry.objects.filter(id=id).delete()
        if not deleted:
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)

"""Statistics: counts over all mailings, and of one mailing in detail."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http.fields import Instant, Price, QueryBoolean, StrictSerializer
from vestnik.api.http.reasons import ReasonShown
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.serializers import ProgressShown
from vestnik.api.mailings.views import get_mailing
from vestnik.dispatch.read.message_state import STATES
from vestnik.mailings.models import MailingState
from vestnik.reports.mailing import statistics


class MailingCounts(serializers.Serializer[Any]):
    """The number of mailings in each state."""

    def get_fields(self) -> dict[str, Any]:
        return {state: serializers.IntegerField() for state in MailingState.values}


class Percentages(serializers.Serializer[Any]):
    """The share of each state in all messages of the mailing, in percent."""

    def get_fields(self) -> dict[str, Any]:
        return {state: serializers.FloatField() for state in STATES}


class Totals(serializers.Serializer[Any]):
    """Counts by state over all mailings."""

    mailings = MailingCounts()
    messages = ProgressShown()


class SegmentCounts(serializers.Serializer[Any]):
    """The numbers of segments, which providers bill."""

    per_message = serializers.IntegerField(
        allow_null=True, help_text="Null for a personalised text."
    )
    sent = serializers.IntegerField()


@extend_schema_serializer(component_name="MailingEvent")
class EventShown(serializers.Serializer[Any]):
    """Something that was done to a mailing."""

    at = Instant()
    actor = serializers.CharField(help_text="`key:NAME`, `user:NAME` or `system`.")
    event = serializers.CharField()
    from_state = serializers.CharField(allow_blank=True)
    to_state = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    reason_details = ReasonShown(
        source="why", allow_null=True, help_text="The reason for programs."
    )


class MailingDetail(serializers.Serializer[Any]):
    """The statistics of a mailing."""

    mailing = serializers.IntegerField()
    state = serializers.ChoiceField(MailingState.choices)
    state_reason = serializers.CharField(allow_blank=True)
    reason = ReasonShown(allow_null=True, help_text="The same for programs.")
    progress = ProgressShown()
    percentages = Percentages()
    settled = serializers.IntegerField(help_text="Messages that are neither queued nor sending.")
    segments = SegmentCounts()
    price = Price(help_text="The price of the segments sent. Null if a segment's price is unknown.")
    seconds_under_way = serializers.FloatField(allow_null=True)
    messages_per_second = serializers.FloatField(
        allow_null=True, help_text="Messages sent, divided by the seconds since the start."
    )
    started_at = Instant(allow_null=True)
    enlisted_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)
    events = EventShown(many=True, help_text="The latest hundred, oldest first.")


class TotalsQuery(StrictSerializer):
    """The mailings to count."""

    test = QueryBoolean(required=False, help_text="true: only test sends; false: everything else.")


class Statistics(StrictAPIView):
    """The statistics of all mailings."""

    query_class = TotalsQuery

    @extend_schema(parameters=[TotalsQuery], responses=Totals, operation_id="statistics")
    def get(self, request: Request) -> Response:
        """Count mailings and messages by state. Test sends are included unless `test` is false."""
        return Response(Totals(statistics.of_everything(self.query.get("test"))).data)


class MailingStatistics(StrictAPIView):
    """The statistics of one mailing."""

    @extend_schema(responses=MailingDetail, operation_id="mailings_statistics")
    def get(self, request: Request, id: int) -> Response:
        """Count a mailing's messages by state, and list its latest events."""
        return Response(MailingDetail(statistics.of_mailing(get_mailing(id))).data)

"""The preview of a mailing."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http.fields import Instant, Price, validate
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.serializers import WRITTEN, MailingBody
from vestnik.mailings.models import Mailing
from vestnik.mailings.text import least_segments_of, parse
from vestnik.reports.mailing.preview import preview

ASKED = {key: value for key, value in WRITTEN.items() if key != "name"}
ANSWERED = {
    "matched": 1000,
    "timezone_assumed": 70,
    "excluded": {
        "stop_list": 3,
        "no_sms": 0,
        "missing_value": 0,
        "too_long": 0,
        "empty_text": 0,
        "never_open": 40,
    },
    "messages": 957,
    "segments": 957,
    "price": "3014.55",
    "encoding": "ucs-2",
    "ucs2_because_of": ["З", "д", "р"],
    "text_warnings": [],
    "samples": [{"client": 1, "text": "Анна! Скидка 20 % до воскресенья", "segments": 1}],
    "forecast": {
        "per_second": 200.0,
        "finishes_at": "2026-11-27T06:00:05Z",
        "will_not_fit": 0,
        "beside": 0,
    },
}


class Excluded(serializers.Serializer[Any]):
    """The numbers of clients who get nothing, by reason."""

    stop_list = serializers.IntegerField()
    no_sms = serializers.IntegerField(help_text="Landline and toll-free numbers.")
    missing_value = serializers.IntegerField(
        help_text="Clients without a value for a placeholder that has no default."
    )
    too_long = serializers.IntegerField(help_text="Texts of more than 10 segments.")
    empty_text = serializers.IntegerField(help_text="Texts without a visible character.")
    never_open = serializers.IntegerField(
        help_text="Clients whose local hours do not open before the end. Their messages would "
        "expire."
    )


class Sample(serializers.Serializer[Any]):
    """The text that one client would get."""

    client = serializers.IntegerField()
    text = serializers.CharField()
    segments = serializers.IntegerField()


class ForecastShown(serializers.Serializer[Any]):
    """When the mailing would finish, at the lower of its own rate and its share of the
    provider's."""

    per_second = serializers.FloatField(
        allow_null=True,
        help_text="Messages a second; null without a limit. If other mailings share the "
        "provider, the mean over the time of sending.",
    )
    finishes_at = Instant(
        allow_null=True,
        help_text="Null if it is unknown, or if not all messages would be sent in time.",
    )
    will_not_fit = serializers.IntegerField(help_text="Messages that would expire at the end.")
    beside = serializers.IntegerField(
        help_text="The number of running mailings that share the provider's rate with it."
    )


class TextWarning(serializers.Serializer[Any]):
    """A part of the text that looks like a placeholder and is none. It is sent as it is written."""

    found = serializers.CharField()
    suggestion = serializers.CharField(help_text="The probable placeholder; empty if unknown.")


@extend_schema_serializer(
    component_name="MailingPreview",
    examples=[OpenApiExample("A preview", ANSWERED, response_only=True)],
)
class Preview(serializers.Serializer[Any]):
    """What a mailing would do if it started now."""

    matched = serializers.IntegerField()
    timezone_assumed = serializers.IntegerField(
        help_text="Clients without a known time zone. The service's own zone is used for them."
    )
    excluded = Excluded()
    messages = serializers.IntegerField()
    segments = serializers.IntegerField()
    price = Price(help_text="Null if the provider's price of a segment is unknown.")
    encoding = serializers.CharField(
        help_text="The encoding of the text without its placeholders: gsm-7 or ucs-2."
    )
    ucs2_because_of = serializers.ListField(
        child=serializers.CharField(), help_text="The characters that GSM 7-bit lacks."
    )
    text_warnings = TextWarning(
        many=True, help_text="A mailing with such a text needs `confirm_text`: true."
    )
    samples = Sample(many=True, help_text="Up to three samples from the first 1,000 clients.")
    forecast = ForecastShown()


@extend_schema_serializer(
    component_name="MailingToPreview",
    examples=[OpenApiExample("A mailing", ASKED, request_only=True)],
)
class PreviewBody(MailingBody):
    """A mailing without a name."""

    name = None  # type: ignore[assignment]  # left out

    asks_to_confirm = False  # the preview lists what would have to be confirmed


class MailingPreview(StrictAPIView):
    """The preview of a mailing."""

    @extend_schema(request=PreviewBody, responses=Preview, operation_id="mailings_preview")
    def post(self, request: Request) -> Response:
        """Preview a mailing: how many clients it would reach, its price, whether it would end in
        time.

        Nothing is stored and nothing is sent.
        """
        fields = validate(PreviewBody, request.data)
        mailing = Mailing(segments=least_segments_of(parse(fields["text"])), **fields)
        return Response(Preview(preview(mailing)).data)

"""A mailing before it is sent."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http.fields import Instant, Price
from vestnik.api.http.views import StrictAPIView, validate
from vestnik.api.mailings.serializers import WRITTEN, MailingBody
from vestnik.mailings.models import Mailing
from vestnik.mailings.template import least_segments_of
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
    """How many get nothing, by the reason."""

    stop_list = serializers.IntegerField()
    no_sms = serializers.IntegerField(help_text="Landline and toll-free numbers.")
    missing_value = serializers.IntegerField(help_text="And there is no default.")
    too_long = serializers.IntegerField(help_text="Over 10 segments with their values.")
    empty_text = serializers.IntegerField(help_text="Nothing of their text can be seen.")
    never_open = serializers.IntegerField(
        help_text="Their local hours do not open before the end: they would expire."
    )


class Sample(serializers.Serializer[Any]):
    """What one client would get."""

    client = serializers.IntegerField()
    text = serializers.CharField()
    segments = serializers.IntegerField()


class ForecastShown(serializers.Serializer[Any]):
    """When it would be through, at the lower of the mailing's rate and its share of the
    provider's."""

    per_second = serializers.FloatField(
        allow_null=True,
        help_text="Null without any limit. Beside other mailings, the mean while it is sent.",
    )
    finishes_at = Instant(allow_null=True, help_text="Null where it is not known, or not in time.")
    will_not_fit = serializers.IntegerField(help_text="Messages that would expire at the end.")
    beside = serializers.IntegerField(
        help_text="How many running mailings share the provider's pace with it."
    )


class TextWarning(serializers.Serializer[Any]):
    """A part of the text that looks like a placeholder and is none: it is sent as it is written."""

    found = serializers.CharField()
    suggestion = serializers.CharField(help_text="What was probably meant; empty if not known.")


@extend_schema_serializer(
    component_name="MailingPreview",
    examples=[OpenApiExample("A preview", ANSWERED, response_only=True)],
)
class Preview(serializers.Serializer[Any]):
    """What a mailing would do at this moment."""

    matched = serializers.IntegerField()
    timezone_assumed = serializers.IntegerField(
        help_text="Of whom no time zone is known: the service's own is taken for theirs."
    )
    excluded = Excluded()
    messages = serializers.IntegerField()
    segments = serializers.IntegerField()
    price = Price(help_text="Null where the provider's price of a segment is not known.")
    encoding = serializers.CharField(help_text="Of what is the same for all: gsm-7 or ucs-2.")
    ucs2_because_of = serializers.ListField(
        child=serializers.CharField(), help_text="The characters that are not in GSM 7-bit."
    )
    text_warnings = TextWarning(
        many=True, help_text="A mailing with such a text takes `confirm_text`: true."
    )
    samples = Sample(many=True, help_text="Up to three of the first 1,000 clients.")
    forecast = ForecastShown()


@extend_schema_serializer(
    component_name="MailingToPreview",
    examples=[OpenApiExample("A mailing", ASKED, request_only=True)],
)
class PreviewBody(MailingBody):
    """A mailing without a name."""

    name = None  # type: ignore[assignment]  # left out

    def check_text(self, attrs: dict[str, Any]) -> None:
        """A preview names what would have to be confirmed."""
        attrs.pop("confirm_text", None)


class MailingPreview(StrictAPIView):
    """What a mailing would do."""

    @extend_schema(request=PreviewBody, responses=Preview, operation_id="mailings_preview")
    def post(self, request: Request) -> Response:
        """Preview a mailing: whom it would reach, what it would cost, whether it would fit.

        Nothing is kept and nothing is sent.
        """
        fields = validate(PreviewBody, request.data)
        mailing = Mailing(segments=least_segments_of(fields["text"]), **fields)
        return Response(Preview(preview(mailing)).data)

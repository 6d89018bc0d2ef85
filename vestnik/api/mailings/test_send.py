"""Test sends: the text of a mailing, sent to a few numbers before the mailing."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.clients.filter import Filter
from vestnik.api.http.fields import PhoneNumbers, validate
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, create_once
from vestnik.api.http.reasons import ReasonShown
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.serializers import ANSWERED, COUNTS, WRITTEN, MailingBody
from vestnik.api.mailings.views import serialize
from vestnik.dispatch.prepare.test_send import MOST_NUMBERS, SentTest, send_test
from vestnik.mailings.models import Mailing
from vestnik.mailings.text import least_segments_of, parse

NUMBERS = ["79261234567", "79161234567"]
MESSAGES = {"text": WRITTEN["text"], "filter": {"tags": ["vip"]}}
ASKED = {**MESSAGES, "phone_numbers": NUMBERS}
SENT = {
    "text": "Анна! Скидка 20 % до воскресенья",
    "segments": 1,
    "messages": [
        {"id": 3457, "phone_number": NUMBERS[0], "state": "queued", "error": None, "reason": None},
        {
            "id": 3458,
            "phone_number": NUMBERS[1],
            "state": "suppressed",
            "error": "stop list",
            "reason": {"code": "stop_list", "params": {}},
        },
    ],
    "mailing": {
        **ANSWERED,
        **MESSAGES,
        "name": "Test",
        "test": True,
        "local_hours": None,
        "progress": {**COUNTS, "sent": 0, "suppressed": 1},
    },
}


@extend_schema_serializer(
    component_name="MailingToTest",
    examples=[OpenApiExample("To two numbers", ASKED, request_only=True)],
)
class TrialBody(MailingBody):
    """A text and the numbers to send it to. It is sent at once."""

    starts_at = ends_at = local_hours = None  # type: ignore[assignment]  # left out
    filter = Filter(
        required=False, help_text="The values of the first of these clients fill the placeholders."
    )
    confirm_text = None  # type: ignore[assignment]  # a test needs no confirmation
    phone_numbers = PhoneNumbers(most=MOST_NUMBERS)

    asks_to_confirm = False  # the test shows what would be sent


class TrialMessage(serializers.Serializer[Any]):
    """The message to one number."""

    id = serializers.IntegerField()
    phone_number = serializers.CharField()
    state = serializers.ChoiceField(["queued", "suppressed"])
    error = serializers.CharField(allow_null=True, help_text="Why nothing is sent to this number.")
    reason = ReasonShown(source="why", allow_null=True, help_text="The same for programs.")


@extend_schema_serializer(
    component_name="SentTest", examples=[OpenApiExample("Two", SENT, response_only=True)]
)
class TrialShown(serializers.Serializer[Any]):
    """A test send that was started."""

    text = serializers.CharField(help_text="The text that all numbers get.")
    segments = serializers.IntegerField()
    messages = TrialMessage(many=True)
    mailing = serializers.SerializerMethodField()

    def get_mailing(self, trial: SentTest) -> MailingBody:
        """Return the mailing of the test send, by which its progress can be read."""
        body: MailingBody = serialize(trial.mailing)[0]
        return body


class MailingTestSend(StrictAPIView):
    """A test send."""

    @extend_schema(
        request=TrialBody,
        responses={201: TrialShown},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="mailings_test_send",
    )
    @create_once
    def post(self, request: Request) -> Response:
        """Send a mailing's text to up to five numbers, at once.

        All numbers get the text that the first client of the filter would get. The test is a
        mailing of its own, marked as a test. Numbers on the stop list get nothing.
        """
        fields = {"filter": {}, **validate(TrialBody, request.data)}
        numbers = fields.pop("phone_numbers")
        mailing = Mailing(segments=least_segments_of(parse(fields["text"])), **fields)
        trial = send_test(mailing, numbers, self.actor)
        return Response(
            TrialShown(trial).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("mailing", args=[trial.mailing.id])},
        )

"""A test send: a mailing's text to a few numbers before anything else is sent."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.clients.filter import Filter
from vestnik.api.http.fields import PhoneNumbers
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, create_once
from vestnik.api.http.reasons import ReasonShown
from vestnik.api.http.views import StrictAPIView, actor, validate
from vestnik.api.mailings.serializers import ANSWERED, COUNTS, WRITTEN, MailingBody
from vestnik.api.mailings.views import serialize
from vestnik.dispatch.prepare.test_send import MOST_NUMBERS, SentTest, send_test
from vestnik.mailings.models import Mailing
from vestnik.mailings.template import least_segments_of

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
    """What to send, and to which numbers. It goes out at once."""

    starts_at = ends_at = local_hours = None  # type: ignore[assignment]  # left out
    filter = Filter(required=False, help_text="The first of these clients lends their values.")
    confirm_text = None  # type: ignore[assignment]  # a test is there to be looked at
    phone_numbers = PhoneNumbers(most=MOST_NUMBERS)

    def check_text(self, attrs: dict[str, Any]) -> None:
        """Whatever is written is what is tried."""


class TrialMessage(serializers.Serializer[Any]):
    """What becomes of one number."""

    id = serializers.IntegerField()
    phone_number = serializers.CharField()
    state = serializers.ChoiceField(["queued", "suppressed"])
    error = serializers.CharField(allow_null=True, help_text="Why nothing is sent.")
    reason = ReasonShown(source="why", allow_null=True, help_text="The same for programs.")


@extend_schema_serializer(
    component_name="SentTest", examples=[OpenApiExample("Two", SENT, response_only=True)]
)
class TrialShown(serializers.Serializer[Any]):
    """A test under way."""

    text = serializers.CharField(help_text="What all of the numbers get.")
    segments = serializers.IntegerField()
    messages = TrialMessage(many=True)
    mailing = serializers.SerializerMethodField()

    def get_mailing(self, trial: SentTest) -> MailingBody:
        """A mailing of its own, by which the test is followed."""
        body: MailingBody = serialize(trial.mailing)[0]
        return body


class MailingTestSend(StrictAPIView):
    """A test send."""

    once_by_key = ("POST",)

    @extend_schema(
        request=TrialBody,
        responses={201: TrialShown},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="mailings_test_send",
    )
    def post(self, request: Request) -> Response:
        """Send a mailing's text to up to five numbers, at once.

        All of them get what the first client of the filter would get. It is a mailing of its own,
        marked as a test; numbers on the stop list get nothing.
        """
        return create_once(request, self._create)

    def _create(self, request: Request) -> Response:
        fields = {"filter": {}, **validate(TrialBody, request.data)}
        numbers = fields.pop("phone_numbers")
        mailing = Mailing(segments=least_segments_of(fields["text"]), **fields)
        trial = send_test(mailing, numbers, actor(request))
        return Response(
            TrialShown(trial).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("mailing", args=[trial.mailing.id])},
        )

"""Messages: list and read."""

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.fields import Instant, QueryInteger
from vestnik.api.http.reasons import ReasonShown
from vestnik.api.http.views import StrictAPIView
from vestnik.db.keyset import MAX_ID
from vestnik.dispatch.read import messages
from vestnik.dispatch.read.message_state import STATES
from vestnik.dispatch.states import MessageState

ANSWERED = {
    "id": 3456,
    "mailing": 12,
    "client": 1,
    "phone_number": "79261234567",
    "text": "Скидка 20 % до воскресенья",
    "text_version": 1,
    "state": "sent",
    "segments": 1,
    "attempts": 1,
    "provider": "console",
    "provider_message_id": None,
    "error": None,
    "reason": None,
    "created_at": "2026-11-27T06:00:00.020000Z",
    "sent_at": "2026-11-27T06:00:00.035000Z",
    "delivered_at": None,
}


@extend_schema_serializer(
    component_name="Message", examples=[OpenApiExample("A message", ANSWERED, response_only=True)]
)
class MessageShown(serializers.Serializer[Any]):
    """The message of a mailing to one client."""

    id = serializers.IntegerField()
    mailing = serializers.IntegerField(source="mailing_id")
    client = serializers.IntegerField(
        source="known_client", allow_null=True, help_text="Null after the client was deleted."
    )
    phone_number = serializers.CharField()
    text = serializers.CharField(source="full_text", help_text="The text for this client.")
    text_version = serializers.IntegerField(
        help_text="The version of the mailing's text; 1 is the first."
    )
    state = serializers.ChoiceField(MessageState.choices, source="reads_as")
    segments = serializers.IntegerField()
    attempts = serializers.IntegerField()
    provider = serializers.CharField(source="mailing.provider")
    provider_message_id = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="The reason of the state, in English.")
    reason = ReasonShown(source="why", allow_null=True, help_text="The same for programs.")
    created_at = Instant()
    sent_at = Instant(allow_null=True, help_text="The time right before its first byte was sent.")
    delivered_at = Instant(allow_null=True)


def state_field() -> serializers.ChoiceField:
    """Return the query parameter for the displayed state of messages."""
    return serializers.ChoiceField(
        MessageState.choices,
        required=False,
        error_messages={"invalid_choice": f"Name a state: {', '.join(STATES)}."},
    )


class MessageQuery(pagination.PageQuery):
    """Which messages to list."""

    mailing = QueryInteger(required=False, min_value=1, max_value=MAX_ID)
    client = QueryInteger(required=False, min_value=1, max_value=MAX_ID)
    state = state_field()


class MessagePage(serializers.Serializer[Any]):
    """A page of messages, by ascending id."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = MessageShown(many=True)


class Messages(StrictAPIView):
    """All messages."""

    query_class = MessageQuery

    @extend_schema(parameters=[MessageQuery], responses=MessagePage, operation_id="messages_list")
    def get(self, request: Request) -> Response:
        """List messages."""
        mailing, client, state = map(self.query.get, ("mailing", "client", "state"))
        find = partial(messages.find, mailing=mailing, client=client, state=state)
        page = pagination.paginate(self.query, find)
        return pagination.page_response(request, page, MessageShown(page.rows, many=True).data)


class OneMessage(StrictAPIView):
    """One message."""

    @extend_schema(responses=MessageShown)
    def get(self, request: Request, id: int) -> Response:
        """Read a message."""
        message = messages.detailed().filter(id=id).first()
        if message is None:
            raise NotFound
        return Response(MessageShown(message).data)

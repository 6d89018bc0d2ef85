"""Unknown messages: an operator's decision about those of a mailing."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http.exceptions import Conflict
from vestnik.api.http.fields import COMMON, StrictSerializer, validate
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.serializers import MailingBody
from vestnik.api.mailings.views import get_mailing, serialize
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.reconcile.unknown_messages import StatusQueryUnsupported, UnknownAction
from vestnik.mailings.models import Mailing, StateConflict

WAYS: dict[UnknownAction, Callable[..., int]] = {
    UnknownAction.ASK: unknown_messages.request_status,
    UnknownAction.RESEND: unknown_messages.resend,
    UnknownAction.GIVE_UP: unknown_messages.give_up,
}
TOO_LATE = (
    "Mailing {id} is {state} and its messages can no longer be resent: to reach these clients, "
    "send again with a new mailing."
)
NOT_ASKED = (
    "The provider {provider!r} cannot report the status of a message: resend the messages, or give "
    "up."
)
CHOICES = [(way.value, way.value) for way in UnknownAction]


@extend_schema_serializer(
    examples=[OpenApiExample("Send them again", {"action": "resend"}, request_only=True)]
)
class Decision(StrictSerializer):
    """The decision about the unknown messages."""

    action = serializers.ChoiceField(
        CHOICES,
        error_messages={
            **COMMON,
            "invalid_choice": f"Name an action: {', '.join(way.value for way in UnknownAction)}.",
        },
        help_text="`ask` the provider, `resend` them before the mailing's end, or `give_up`.",
    )


class Decided(serializers.Serializer[Any]):
    """The decision, and the number of messages."""

    action = serializers.ChoiceField(CHOICES)
    messages = serializers.IntegerField(help_text="The number of messages that it concerns.")
    mailing = MailingBody()


class Unknown(StrictAPIView):
    """The unknown messages of one mailing."""

    @extend_schema(request=Decision, responses=Decided, operation_id="mailings_unknown")
    def post(self, request: Request, id: int) -> Response:
        """Settle a mailing's unknown messages: ask the provider, resend them, or give up."""
        mailing = get_mailing(id)
        action = UnknownAction(validate(Decision, request.data)["action"])
        count = _decide(mailing, action, self.actor)
        mailing.refresh_from_db()
        return Response({"action": action, "messages": count, "mailing": serialize(mailing)[0]})


def _decide(mailing: Mailing, action: UnknownAction, by: str) -> int:
    try:
        return WAYS[action](mailing, actor=by)
    except StateConflict:
        raise Conflict(TOO_LATE.format(id=mailing.id, state=mailing.state)) from None
    except StatusQueryUnsupported:
        raise Conflict(NOT_ASKED.format(provider=mailing.provider)) from None

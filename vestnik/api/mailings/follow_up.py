"""Follow-ups: a mailing to the clients whom another mailing did not reach."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http.fields import Text, validate
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, create_once
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.serializers import MailingBody
from vestnik.api.mailings.views import get_mailing, serialize, warnings_of
from vestnik.dispatch.prepare.follow_up import (
    BY_DEFAULT,
    UNREACHED,
    create_follow_up,
    later_follow_ups,
)
from vestnik.dispatch.signals.wakeups import wake_for

EXAMPLE = {
    "states": ["failed", "undelivered"],
    "starts_at": "2026-11-28T09:00:00+03:00",
    "ends_at": "2026-11-28T21:00:00+03:00",
}
NAME_STATES = f"Name each state once: {', '.join(UNREACHED)}."


class States(serializers.ListField):
    """States in which a client was not reached; each may occur once."""

    def to_internal_value(self, data: Any) -> list[str]:
        known = isinstance(data, list) and all(isinstance(state, str) for state in data)
        if not known or not data or len(set(data)) < len(data) or not set(data) <= set(UNREACHED):
            raise serializers.ValidationError(NAME_STATES)
        return list(data)


@extend_schema_serializer(
    component_name="SendAgain",
    examples=[OpenApiExample("The next day", EXAMPLE, request_only=True)],
)
class SendAgainBody(MailingBody):
    """A follow-up. All fields except the window default to those of the original mailing."""

    filter = None  # type: ignore[assignment]  # left out
    text = Text(required=False, help_text="By default the text of the original mailing.")
    states = States(
        child=serializers.ChoiceField(UNREACHED),
        required=False,
        min_length=1,
        help_text="The states of the original mailing's messages; by default all but cancelled.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = "provider" in attrs
        checked = super().validate(attrs)
        if not named:
            del checked["provider"]
        return checked


class MailingSendAgain(StrictAPIView):
    """A mailing to the clients whom another mailing did not reach."""

    @extend_schema(
        request=SendAgainBody,
        responses={201: MailingBody},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="mailings_send_again",
    )
    @create_once
    def post(self, request: Request, id: int) -> Response:
        """Create a mailing to the clients whom an ended mailing did not reach.

        It goes to the clients whose message of the original mailing is in one of `states` when the
        new mailing starts. Clients who got another follow-up since are among them: `warnings`
        names it.
        """
        other = get_mailing(id)
        fields = validate(SendAgainBody, request.data)
        states = fields.pop("states", list(BY_DEFAULT))
        mailing = create_follow_up(other, states, actor=self.actor, **fields)
        # Read under the locks of the creation, so that of two requests at once one is told.
        others = [one for one in later_follow_ups(other) if one != mailing.id]
        warnings = [*warnings_of(mailing), *_warnings(others)]
        wake_for(mailing.id)
        return Response(
            {**serialize(mailing)[0], "warnings": warnings},
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("mailing", args=[mailing.id])},
        )


def _warnings(others: Sequence[int]) -> list[str]:
    """Return a warning if other mailings may have reached the same clients."""
    if not others:
        return []
    named = ", ".join(map(str, others))
    return [
        f"Later mailings to the same clients: {named}. Clients who got one of them get the text "
        f"once more. To leave them out, send {others[-1]} again instead."
    ]

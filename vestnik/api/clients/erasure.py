"""Erasing a client on request."""

from typing import Any

from django.contrib.admin.models import LogEntry
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.access.roles import Action
from vestnik.api.http.idempotency import KEY_WITHOUT_EFFECT
from vestnik.api.http.views import StrictAPIView, refuse_body
from vestnik.api.models import IdempotencyRecord
from vestnik.dispatch.suppress.erasure import erase_client

ERASED = {"messages": 3, "on_stop_list": True}


@extend_schema_serializer(examples=[OpenApiExample("Erased", ERASED, response_only=True)])
class ErasedAnswer(serializers.Serializer[Any]):
    """What the erasure found."""

    messages = serializers.IntegerField(
        help_text="The client's messages. They keep their state, without the number."
    )
    on_stop_list = serializers.BooleanField(
        help_text="Whether the number is on the stop list, where a keyed hash of it remains."
    )


class ClientErasure(StrictAPIView):
    """The erasure of a client."""

    needs = {"POST": Action.MANAGE}
    key_without_effect = ("POST",)

    @extend_schema(
        request=None,
        responses=ErasedAnswer,
        parameters=[KEY_WITHOUT_EFFECT],
        operation_id="clients_erase",
    )
    def post(self, request: Request, id: int) -> Response:
        """Erase a client: the number and all personal data are removed permanently.

        Messages keep their state, queued ones are cancelled, and counts do not change. If the
        number is on the stop list, a keyed hash of it remains there: a client imported later with
        the same number is stopped again.
        """
        refuse_body(request)
        erased = erase_client(id)
        if erased is None:
            raise NotFound
        return Response({"messages": erased.messages, "on_stop_list": erased.on_stop_list})


def forget_elsewhere(number: str, **_: Any) -> None:
    """Erase the number in stored responses and in the admin's log.

    The keys of those responses stay used, so a repeated test send is not sent again.
    """
    IdempotencyRecord.objects.filter(body__contains=number).update(body="", fingerprint="")
    LogEntry.objects.filter(object_repr__contains=number).update(object_repr="erased")

"""Clients: list, create, read, replace, change, delete."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.fields import (
    Attributes,
    Instant,
    OperatorCode,
    PhoneNumber,
    StrictSerializer,
    Text,
    validate,
)
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, create_once
from vestnik.api.http.views import StrictAPIView
from vestnik.audience.clients import NumberTaken, change, create, placed, replace
from vestnik.audience.models import Client
from vestnik.audience.phone import validate_client_number
from vestnik.audience.validation import LONGEST_TAG, completed, validate_timezone
from vestnik.dispatch.suppress.revocation import delete_client

FILTERS = {"phone_number", "operator_code", "tag"}
OPTIONAL = ("tag", "timezone", "attributes")
TAKEN = "Another client has this number: change that one, or use clients/bulk/."

EXAMPLE = {
    "phone_number": "79261234567",
    "operator_code": "926",
    "tag": "vip",
    "timezone": "Europe/Moscow",
    "attributes": {"city": "Москва"},
}


@extend_schema_serializer(
    component_name="Client",
    examples=[
        OpenApiExample("A client", EXAMPLE, request_only=True),
        OpenApiExample(
            "A client",
            {"id": 1, **EXAMPLE, "created_at": "2026-11-24T09:00:00Z"},
            response_only=True,
        ),
    ],
)
class ClientBody(StrictSerializer):
    """A client."""

    id = serializers.IntegerField(read_only=True)
    phone_number = PhoneNumber(rule=validate_client_number, help_text="7XXXXXXXXXX")
    operator_code = OperatorCode(
        required=False,
        help_text="By default digits two to four of the number. Give it for a ported number.",
    )
    tag = Text(required=False, allow_blank=True, max_length=LONGEST_TAG, help_text="Any label.")
    timezone = Text(rule=validate_timezone, required=False, help_text="An IANA time zone name.")
    attributes = Attributes(required=False)
    created_at = Instant(read_only=True)


class ClientFilter(StrictSerializer):
    """Conditions for clients."""

    phone_number = PhoneNumber(required=False)
    operator_code = OperatorCode(required=False)
    tag = Text(required=False, allow_blank=True, max_length=LONGEST_TAG)


class ClientQuery(ClientFilter, pagination.PageQuery):
    """Which clients to list."""


class ClientPage(serializers.Serializer[Any]):
    """A page of clients, by ascending id."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ClientBody(many=True)


class Clients(StrictAPIView):
    """All clients."""

    query_class = ClientQuery

    @extend_schema(parameters=[ClientQuery], responses=ClientPage, operation_id="clients_list")
    def get(self, request: Request) -> Response:
        """List clients."""
        wanted = {name: self.query[name] for name in FILTERS & self.query.keys()}
        clients = Client.objects.filter(**wanted)
        page = pagination.paginate(self.query, lambda keyset: keyset.take(clients))
        return pagination.page_response(request, page, ClientBody(page.rows, many=True).data)

    @extend_schema(request=ClientBody, responses={201: ClientBody}, parameters=[IDEMPOTENCY_KEY])
    @create_once
    def post(self, request: Request) -> Response:
        """Create a client."""
        fields = validate(ClientBody, request.data)
        with _naming_a_taken_number():
            client = create(fields)
        return Response(
            ClientBody(client).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("client", args=[client.id])},
        )


class OneClient(StrictAPIView):
    """One client."""

    @extend_schema(responses=ClientBody)
    def get(self, request: Request, id: int) -> Response:
        """Read a client."""
        return Response(ClientBody(_get_client(id)).data)

    @extend_schema(request=ClientBody, responses=ClientBody)
    def put(self, request: Request, id: int) -> Response:
        """Replace a client. Fields that are left out get their defaults."""
        _get_client(id)
        fields = placed(completed(validate(ClientBody, request.data)))
        with _naming_a_taken_number():
            replace(id, {**defaults(), **fields})
        return Response(ClientBody(_get_client(id)).data)

    @extend_schema(request=ClientBody, responses=ClientBody)
    def patch(self, request: Request, id: int) -> Response:
        """Change a client. The operator code follows a new number unless it was ported."""
        client = _get_client(id)
        changes = validate(ClientBody, request.data, client)
        with _naming_a_taken_number():
            change(client, changes)
        return Response(ClientBody(_get_client(id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, id: int) -> Response:
        """Delete a client. Their messages are kept; queued ones are cancelled."""
        if not delete_client(id):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


def defaults() -> dict[str, Any]:
    """Return the defaults of a client's optional fields."""
    blank = Client()
    return {name: getattr(blank, name) for name in OPTIONAL}


def _get_client(id: int) -> Client:
    client = Client.objects.filter(id=id).first()
    if client is None:
        raise NotFound
    return client


@contextmanager
def _naming_a_taken_number() -> Iterator[None]:
    """Convert a taken number into an error of the field."""
    try:
        yield
    except NumberTaken:
        raise serializers.ValidationError({"phone_number": [TAKEN]}) from None

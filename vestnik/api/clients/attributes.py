"""The declared types of attributes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.http import pagination
from vestnik.api.http.fields import Instant, StrictSerializer, Text, validate
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, create_once
from vestnik.api.http.views import StrictAPIView
from vestnik.audience.attribute_types import (
    LONGEST_NAME,
    MOST_COUNTED,
    AttributeType,
    Type,
    misfits,
)

EXAMPLE = {"name": "born", "type": "date"}
TAKEN = "The type of this attribute is declared already: change that declaration."
#: Examples of misfits in one answer.
MOST_SHOWN = 10


@extend_schema_serializer(component_name="AttributeTypeMisfits")
class Misfits(serializers.Serializer[Any]):
    """Clients whose value has another type: they keep the value, and no range condition matches
    it."""

    count = serializers.IntegerField(help_text=f"At most {MOST_COUNTED} are counted.")
    examples = serializers.ListField(child=serializers.DictField())


@extend_schema_serializer(
    component_name="AttributeType",
    examples=[
        OpenApiExample("A date", EXAMPLE, request_only=True),
        OpenApiExample(
            "A date",
            {
                "id": 1,
                **EXAMPLE,
                "misfits": {"count": 1, "examples": [{"client": 7, "value": "spring"}]},
                "created_at": "2026-11-24T09:00:00Z",
            },
            response_only=True,
        ),
    ],
)
class AttributeTypeBody(StrictSerializer):
    """The type of an attribute's values.

    From the declaration on, the API and the pages refuse values that do not fit, and imports refuse
    rows. Imports read dates, numbers and flags as people write them.
    """

    id = serializers.IntegerField(read_only=True)
    name = Text(max_length=LONGEST_NAME)
    type = serializers.ChoiceField(
        Type.values,
        error_messages={"invalid_choice": f"Name one of {', '.join(Type.values)}."},
    )
    misfits = serializers.SerializerMethodField()
    created_at = Instant(read_only=True)

    @extend_schema_field(Misfits)
    def get_misfits(self, attribute: AttributeType) -> dict[str, Any]:
        found = misfits(attribute.name, attribute.type)
        examples = [{"client": id, "value": value} for id, value in found[:MOST_SHOWN]]
        return {"count": len(found), "examples": examples}


class DeclaredType(serializers.Serializer[Any]):
    """An attribute and its type."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.ChoiceField(Type.values)
    created_at = Instant()


class AttributeTypePage(serializers.Serializer[Any]):
    """A page of declared types, by ascending id."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = DeclaredType(many=True)


class AttributeTypes(StrictAPIView):
    """All declared types."""

    query_class = pagination.PageQuery

    @extend_schema(
        parameters=[pagination.PageQuery],
        responses=AttributeTypePage,
        operation_id="attributes_list",
    )
    def get(self, request: Request) -> Response:
        """List the declared types of attributes."""
        declared = AttributeType.objects.all()
        page = pagination.paginate(self.query, lambda keyset: keyset.take(declared))
        return pagination.page_response(request, page, DeclaredType(page.rows, many=True).data)

    @extend_schema(
        request=AttributeTypeBody,
        responses={201: AttributeTypeBody},
        parameters=[IDEMPOTENCY_KEY],
        operation_id="attributes_declare",
    )
    @create_once
    def post(self, request: Request) -> Response:
        """Declare the type of an attribute."""
        fields = validate(AttributeTypeBody, request.data)
        with _naming_what_is_declared():
            declared = AttributeType.objects.create(**fields)
        return Response(
            AttributeTypeBody(declared).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("attribute", args=[declared.id])},
        )


class OneAttributeType(StrictAPIView):
    """The type of one attribute."""

    @extend_schema(responses=AttributeTypeBody, operation_id="attributes_read")
    def get(self, request: Request, id: int) -> Response:
        """Read a declared type, and the clients whose value has another type."""
        return Response(AttributeTypeBody(_get_declared(id)).data)

    @extend_schema(
        request=AttributeTypeBody, responses=AttributeTypeBody, operation_id="attributes_change"
    )
    def patch(self, request: Request, id: int) -> Response:
        """Change a declared type. Existing values are not changed."""
        changes = validate(AttributeTypeBody, request.data, _get_declared(id))
        with _naming_what_is_declared():
            AttributeType.objects.filter(id=id).update(**changes)
        return Response(AttributeTypeBody(_get_declared(id)).data)

    @extend_schema(responses={204: None}, operation_id="attributes_delete")
    def delete(self, request: Request, id: int) -> Response:
        """Delete the declaration of a type. Existing values are not changed."""
        deleted, _ = AttributeType.objects.filter(id=id).delete()
        if not deleted:
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


@contextmanager
# A race is decided by the unique constraint, so the check cannot be made before.
def _naming_what_is_declared() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise serializers.ValidationError({"name": [TAKEN]}) from None


def _get_declared(id: int) -> AttributeType:
    declared = AttributeType.objects.filter(id=id).first()
    if declared is None:
        raise NotFound
    return declared

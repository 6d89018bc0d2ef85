"""Saved audiences, and how many clients a filter selects."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.access.roles import Action
from vestnik.api.clients.filter import Filter
from vestnik.api.http import pagination
from vestnik.api.http.fields import Instant, StrictSerializer, Text, validate
from vestnik.api.http.idempotency import IDEMPOTENCY_KEY, create_once
from vestnik.api.http.views import StrictAPIView
from vestnik.audience.filters.selection import matching
from vestnik.audience.models import SavedAudience
from vestnik.audience.saved_audiences import LONGEST_NAME, unique_name

EXAMPLE = {
    "name": "Взрослые в Казани",
    "filter": {
        "operator_codes": [],
        "tags": [],
        "attributes": {"city": "Казань", "age": {"gte": 18}},
        "exclude": {"tags": ["staff"]},
    },
}


@extend_schema_serializer(
    component_name="Audience",
    examples=[
        OpenApiExample("An audience", EXAMPLE, request_only=True),
        OpenApiExample(
            "An audience",
            {"id": 3, **EXAMPLE, "created_at": "2026-11-24T09:00:00Z"},
            response_only=True,
        ),
    ],
)
class AudienceBody(StrictSerializer):
    """A filter with a name. A mailing stores a copy of the filter, so later changes do not affect
    it."""

    id = serializers.IntegerField(read_only=True)
    name = Text(max_length=LONGEST_NAME)
    filter = Filter()
    created_at = Instant(read_only=True)


class AudiencePage(serializers.Serializer[Any]):
    """A page of audiences, by ascending id."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = AudienceBody(many=True)


class CountBody(StrictSerializer):
    """A filter to count by."""

    filter = Filter()


class Counted(serializers.Serializer[Any]):
    """The number of clients that the filter selects now."""

    matched = serializers.IntegerField()


class Audiences(StrictAPIView):
    """All saved audiences."""

    query_class = pagination.PageQuery

    @extend_schema(
        parameters=[pagination.PageQuery], responses=AudiencePage, operation_id="audiences_list"
    )
    def get(self, request: Request) -> Response:
        """List saved audiences."""
        saved = SavedAudience.objects.all()
        page = pagination.paginate(self.query, lambda keyset: keyset.take(saved))
        return pagination.page_response(request, page, AudienceBody(page.rows, many=True).data)

    @extend_schema(
        request=AudienceBody, responses={201: AudienceBody}, parameters=[IDEMPOTENCY_KEY]
    )
    @create_once
    def post(self, request: Request) -> Response:
        """Save an audience."""
        fields = validate(AudienceBody, request.data)
        with unique_name():
            saved = SavedAudience.objects.create(**fields)
        return Response(
            AudienceBody(saved).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("audience", args=[saved.id])},
        )


class OneAudience(StrictAPIView):
    """One saved audience."""

    # An operator may delete an audience, as on the pages: no client is deleted with it.
    needs = {"DELETE": Action.SEND}

    @extend_schema(responses=AudienceBody)
    def get(self, request: Request, id: int) -> Response:
        """Read a saved audience."""
        return Response(AudienceBody(_get_audience(id)).data)

    @extend_schema(request=AudienceBody, responses=AudienceBody)
    def patch(self, request: Request, id: int) -> Response:
        """Change a saved audience. Mailings keep the copy of the filter that they took."""
        saved = _get_audience(id)
        changes = validate(AudienceBody, request.data, saved)
        with unique_name():
            SavedAudience.objects.filter(id=id).update(**changes)
        return Response(AudienceBody(_get_audience(id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, id: int) -> Response:
        """Delete a saved audience. Clients and mailings are not affected."""
        deleted, _ = SavedAudience.objects.filter(id=id).delete()
        if not deleted:
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


class AudienceCount(StrictAPIView):
    """How many clients a filter selects."""

    @extend_schema(
        request=CountBody,
        responses=Counted,
        examples=[
            OpenApiExample("Adults", {"filter": EXAMPLE["filter"]}, request_only=True),
            OpenApiExample("Adults", {"matched": 4711}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Count the clients that a filter selects."""
        audience = validate(CountBody, request.data)["filter"]
        return Response({"matched": matching(audience).count()})


def _get_audience(id: int) -> SavedAudience:
    saved = SavedAudience.objects.filter(id=id).first()
    if saved is None:
        raise NotFound
    return saved

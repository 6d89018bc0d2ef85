"""Many clients in one request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.clients.views import EXAMPLE, ClientBody
from vestnik.api.http.exception_handler import field_error
from vestnik.api.http.parsers import MOST_ERRORS, BulkJSONParser
from vestnik.api.http.views import StrictAPIView
from vestnik.audience.upsert import MOST_AT_ONCE, Result, upsert

STATUSES = ("created", "updated", "invalid")
NOT_A_LIST = f"Give a list of at most {MOST_AT_ONCE} clients."


class FieldProblem(serializers.Serializer[Any]):
    """An invalid field, and the remedy."""

    field = serializers.CharField()
    message = serializers.CharField()


class BulkResult(serializers.Serializer[Any]):
    """The result of one item of the list."""

    index = serializers.IntegerField()
    status = serializers.ChoiceField(STATUSES)
    id = serializers.IntegerField(
        required=False, help_text="The id of the client, if the item was saved."
    )
    errors = FieldProblem(
        many=True, required=False, help_text="If the item was not saved. At most 100 in all."  # type: ignore[assignment]  # a field
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "One saved, one refused",
            {
                "created": 1,
                "updated": 0,
                "invalid": 1,
                "results": [
                    {"index": 0, "status": "created", "id": 1},
                    {
                        "index": 1,
                        "status": "invalid",
                        "errors": [
                            {
                                "field": "phone_number",
                                "message": "Write it as 7XXXXXXXXXX: 79261234567.",
                            }
                        ],
                    },
                ],
            },
            response_only=True,
        )
    ]
)
class BulkAnswer(serializers.Serializer[Any]):
    """The numbers of created, updated and invalid items, and the result of each item in order."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    invalid = serializers.IntegerField()
    results = BulkResult(many=True)


class ClientsInBulk(StrictAPIView):
    """Clients, created or changed by their phone numbers."""

    parser_classes = [BulkJSONParser]

    @extend_schema(
        request=ClientBody(many=True),
        responses=BulkAnswer,
        examples=[OpenApiExample("Clients", [EXAMPLE], request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Create or change up to 10,000 clients.

        An item changes the client with its phone number, or creates one. Fields that an item leaves
        out keep their values. `attributes` replace all attributes of the client; an import of a
        file merges them one by one instead. Invalid items are refused with the reason, and all
        others are saved together. Sending a list twice has the effect of sending it once.
        """
        items = request.data
        if not isinstance(items, list) or len(items) > MOST_AT_ONCE:
            raise serializers.ValidationError([NOT_A_LIST])
        results = upsert(items)
        counts = Counter(result.status for result in results)
        return Response(
            {
                **{name: counts[name] for name in STATUSES},
                "results": list(_serialize_all(results)),
            }
        )


def _serialize_all(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    """Serialize the results, with a bounded number of errors."""
    left = MOST_ERRORS
    for index, result in enumerate(results):
        shown: dict[str, Any] = {"index": index, "status": result.status}
        if result.id is not None:
            yield {**shown, "id": result.id}
            continue
        errors = [field_error([field], message) for field, message in result.problems[:left]]
        left -= len(errors)
        yield {**shown, "errors": errors}

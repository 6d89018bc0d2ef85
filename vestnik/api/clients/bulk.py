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
    """A field that is wrong, and the remedy."""

    field = serializers.CharField()
    message = serializers.CharField()


class BulkResult(serializers.Serializer[Any]):
    """What became of one item of the list."""

    index = serializers.IntegerField()
    status = serializers.ChoiceField(STATUSES)
    id = serializers.IntegerField(required=False, help_text="Of the client, if it was saved.")
    errors = FieldProblem(
        many=True, required=False, help_text="If the item was not saved; the first 100 of all."  # type: ignore[assignment]  # a field
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
    """How many items were created, updated and refused, and each in the list's order."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    invalid = serializers.IntegerField()
    results = BulkResult(many=True)


class ClientsInBulk(StrictAPIView):
    """Clients, each made or changed by its phone number."""

    parser_classes = [BulkJSONParser]

    @extend_schema(
        request=ClientBody(many=True),
        responses=BulkAnswer,
        examples=[OpenApiExample("Clients", [EXAMPLE], request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Create or change up to 10,000 clients.

        The client of each phone number is made, or changed where there is one: what an item
        leaves out then stays as it is. `attributes` that are given replace all that the client
        has (an import of a file merges them one by one instead). Items that are wrong are refused
        one by one, with the reason; the others are saved together. Sending a list again is
        harmless.
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

"""What all addresses of the API have in common."""

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vestnik.api.http.authentication import actor_of, key_of
from vestnik.api.http.exceptions import LengthRequired
from vestnik.api.http.fields import NoBody, StrictSerializer
from vestnik.api.http.idempotency import check_key_taken


class NoQuery(StrictSerializer):
    """For an address that takes no query parameters."""


class Resource(APIView):
    """Reads the query strictly and answers in English, whatever the browser's language."""

    query: ClassVar[type[StrictSerializer]] = NoQuery
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    #: The methods that keep to an `Idempotency-Key`; with any other that changes it is refused.
    once_by_key: ClassVar[tuple[str, ...]] = ()
    #: The methods that are idempotent without a key: one is accepted and has no effect.
    key_without_effect: ClassVar[tuple[str, ...]] = ()
    asked: dict[str, Any]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"):
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request)
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise LengthRequired
        check_key_taken(request, (*self.once_by_key, *self.key_without_effect))
        self.asked = read_query(request, self.query)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["Content-Language"] = "en"
        return answer


def read_query(request: Request, query: type[StrictSerializer]) -> dict[str, Any]:
    """The query parameters, checked; each may stand there once."""
    given = request.query_params
    repeated = [name for name in given if len(given.getlist(name)) > 1]
    if repeated:
        raise serializers.ValidationError({name: ["Give it once."] for name in repeated})
    return read(query, given.dict())


def read(body: type[StrictSerializer], data: Any, instance: Model | None = None) -> dict[str, Any]:
    """What was sent, checked, as changes to `instance` where there is one.

    Raises ValidationError naming each field that is wrong.
    """
    given = [] if data is None else data  # null is no object either, and is to be told so
    serializer = body(instance, data=given, partial=instance is not None)
    serializer.is_valid(raise_exception=True)
    checked: dict[str, Any] = serializer.validated_data
    return checked


def read_nothing(request: Request) -> None:
    """Raises ValidationError where there is a body on a request that takes none."""
    read(NoBody, request.data or {})


def actor(request: Request) -> str:
    """Who asks, for the record."""
    return actor_of(key_of(request))


@extend_schema(exclude=True)
class Nowhere(Resource):
    """Any other address under /api/: it too says nothing to somebody without a key."""

    def _refuse(self, request: Request, rest: str = "") -> Any:
        raise NotFound

    get = post = put = patch = delete = _refuse

"""The base view of the API."""

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

from vestnik.api.http.access import actor_of, key_of
from vestnik.api.http.exceptions import LengthRequired
from vestnik.api.http.fields import NoBody, StrictSerializer
from vestnik.api.http.idempotency import check_key_allowed


class NoQuery(StrictSerializer):
    """The query of an address that takes no parameters."""


class StrictAPIView(APIView):
    """The base of all views: it validates the query string strictly and answers in English."""

    query_class: ClassVar[type[StrictSerializer]] = NoQuery
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    #: The methods that honour an `Idempotency-Key`; other unsafe methods refuse one.
    once_by_key: ClassVar[tuple[str, ...]] = ()
    #: The methods that are idempotent without a key: one is accepted and has no effect.
    key_without_effect: ClassVar[tuple[str, ...]] = ()
    query: dict[str, Any]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"):
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request)
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise LengthRequired
        check_key_allowed(request, (*self.once_by_key, *self.key_without_effect))
        self.query = validate_query(request, self.query_class)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["Content-Language"] = "en"
        return answer


def validate_query(request: Request, query: type[StrictSerializer]) -> dict[str, Any]:
    """Validate the query parameters; each may occur once."""
    parameters = request.query_params
    repeated = [name for name in parameters if len(parameters.getlist(name)) > 1]
    if repeated:
        raise serializers.ValidationError({name: ["Give it once."] for name in repeated})
    return validate(query, parameters.dict())


def validate(
    body: type[StrictSerializer], data: Any, instance: Model | None = None
) -> dict[str, Any]:
    """Validate a body, as changes to `instance` if there is one.

    Raises ValidationError naming each invalid field.
    """
    sent = [] if data is None else data  # null is refused like any value that is not an object
    serializer = body(instance, data=sent, partial=instance is not None)
    serializer.is_valid(raise_exception=True)
    checked: dict[str, Any] = serializer.validated_data
    return checked


def refuse_body(request: Request) -> None:
    """Raise ValidationError for a body on a request that takes none."""
    validate(NoBody, request.data or {})


def actor(request: Request) -> str:
    """Return the name of the caller for the events."""
    return actor_of(key_of(request))


@extend_schema(exclude=True)
class UnknownAddress(StrictAPIView):
    """All other addresses under /api/: 404, whatever the query and the headers. Without a key the
    response is 401, as everywhere."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        APIView.initial(self, request, *args, **kwargs)
        raise NotFound

"""The base view of the API."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from vestnik.api.http.exceptions import LengthRequired
from vestnik.api.http.fields import NoBody, StrictSerializer, validate, validate_query
from vestnik.api.http.idempotency import HEADER, NOT_HERE, SAFE_METHODS


class NoQuery(StrictSerializer):
    """The query of an address that takes no parameters."""


class StrictAPIView(APIView):
    """The base of all views: it validates the query string strictly and answers in English."""

    query_class: ClassVar[type[StrictSerializer]] = NoQuery
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    #: The methods that are idempotent without an `Idempotency-Key`: one is accepted and has no
    #: effect. A method under `create_once` honours it, all other unsafe methods refuse it.
    key_without_effect: ClassVar[tuple[str, ...]] = ()
    query: dict[str, Any]
    #: The name of the caller for the events.
    actor: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"):
            response = super().dispatch(request, *args, **kwargs)
        response.headers["Content-Language"] = "en"
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request)
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise LengthRequired
        if HEADER in request.headers and not self._takes_key(str(request.method)):
            raise ValidationError({HEADER: [NOT_HERE]})
        self.actor = str(request.auth)
        self.query = validate_query(self.query_class, request.query_params)

    def _takes_key(self, method: str) -> bool:
        without_effect = method in (*SAFE_METHODS, *self.key_without_effect)
        return without_effect or hasattr(getattr(self, method.lower()), "honours_key")


def refuse_body(request: Request) -> None:
    """Raise ValidationError for a body on a request that takes none."""
    validate(NoBody, request.data or {})


@extend_schema(exclude=True)
class UnknownAddress(StrictAPIView):
    """All other addresses under /api/: 404, whatever the query and the headers. Without a key the
    response is 401, as everywhere."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        APIView.initial(self, request, *args, **kwargs)
        raise NotFound

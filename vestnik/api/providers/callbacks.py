"""Callbacks of providers: receipts and texts from clients, authenticated by the provider's
means."""

from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, ParseError, PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from vestnik.access.guesses import FailedAttempts
from vestnik.access.visitor import address
from vestnik.api.http.exceptions import TooLarge, TooManyGuesses
from vestnik.api.http.fields import StrictSerializer
from vestnik.api.http.parsers import MIB, problem_with
from vestnik.api.http.views import StrictAPIView
from vestnik.api.providers.callback_form import form_of, query_of
from vestnik.api.providers.repeated_callbacks import record_new_inbound
from vestnik.db.keyset import MAX_ID
from vestnik.dispatch.receive.sink import store_receipts
from vestnik.middleware.request_checks import content_length
from vestnik.providers.base import PROVIDER_ID_LENGTH, CallbackResult
from vestnik.providers.callbacks import Callback, CallbackRefused, CallerUnknown
from vestnik.providers.errors import UnknownProvider
from vestnik.providers.registry import describe

log = structlog.get_logger(__name__)

MAX_BYTES = MIB
UNREADABLE = "The callback cannot be stored: an id is too long or has an invalid character."
NOT_AUTHENTICATED = "The caller is not authenticated as a provider. The log has the reason."
#: Characters of an unknown alias that are logged.
MAX_ALIAS_LENGTH = 64
#: Wrong secrets of one address within a minute, after which none is compared.
guesses = FailedAttempts(most=20, seconds=60.0)
CALLBACK_RESPONSE = OpenApiResponse(OpenApiTypes.STR, "The response that the provider expects.")


class AnyQuery(StrictSerializer):
    """Accepts any query: the provider's adapter reads it."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return {}


class NoNegotiation(BaseContentNegotiation):
    """Ignores the headers Accept and Content-Type: the provider's adapter decides."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


@extend_schema(
    request={"*/*": OpenApiTypes.ANY}, responses={(200, "text/plain"): CALLBACK_RESPONSE}
)
class ProviderCallbacks(StrictAPIView):
    """The address for one provider's callbacks."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = NoNegotiation
    http_method_names = ["get", "post"]
    key_without_effect = ("GET", "POST")  # a vendor may send such a header for its own purposes
    query_class = AnyQuery

    @extend_schema(operation_id="receipts_get")
    def get(self, request: Request, alias: str, secret: str = "") -> HttpResponse:
        """Receive a provider's callback in the query string, with a valid secret or signature."""
        return self._handle(request._request, alias, secret)

    @extend_schema(operation_id="receipts_post")
    def post(self, request: Request, alias: str, secret: str = "") -> HttpResponse:
        """Receive receipts and inbound messages, with a valid secret or signature."""
        return self._handle(request._request, alias, secret)

    def _handle(self, request: HttpRequest, alias: str, secret: str) -> HttpResponse:
        result = _read(alias, request, secret)
        _check_storable(result)
        store_receipts(result.receipts)
        record_new_inbound(result.inbound)
        return HttpResponse(result.answer, content_type="text/plain; charset=utf-8")


@extend_schema(exclude=True)
class CallbacksBySecret(ProviderCallbacks):
    """The same address with the secret in the path."""


def _callback(request: HttpRequest, secret: str) -> Callback:
    if content_length(request.META) > MAX_BYTES:
        raise TooLarge(f"Send at most {MAX_BYTES // MIB} MiB at once.")
    body = request.body  # read before request.POST, which would consume it
    return Callback(
        query=query_of(request),
        form=form_of(request),
        body=body,
        headers=dict(request.headers),
        secret=secret,
        remote_addr=address(request) or "",
    )


def _read(alias: str, request: HttpRequest, secret: str) -> CallbackResult:
    """Read a callback. An unknown provider and a wrong secret get the same refusal (decision 0094).

    A valid secret is accepted regardless of wrong ones from the same address: behind a proxy all
    callers may share an address, and wrong secrets must not block a provider.
    """
    try:
        return describe(alias).read_callback(_callback(request, secret))
    except (UnknownProvider, CallerUnknown) as refusal:
        raise _count_refusal(
            alias[:MAX_ALIAS_LENGTH], address(request) or "", str(refusal)
        ) from None
    except CallbackRefused as refusal:
        log.warning("callback refused", provider=alias[:MAX_ALIAS_LENGTH], reason=str(refusal))
        raise PermissionDenied(f"The callback is refused: {refusal}.") from None


def _count_refusal(alias: str, remote_addr: str, reason: str) -> APIException:
    """Count and log a wrong secret; after too many, return 429 without a line in the log."""
    if seconds := guesses.wait(alias, remote_addr):
        return TooManyGuesses(seconds)
    guesses.record(alias, remote_addr)
    log.warning("callback refused", provider=alias, reason=reason)
    return PermissionDenied(NOT_AUTHENTICATED)


def _check_storable(heard: CallbackResult) -> None:
    """Refuse receipts that cannot be stored. Texts of clients are read and not stored."""
    for receipt in heard.receipts:
        if any(map(problem_with, (receipt.provider_id, receipt.error))):
            raise ParseError(UNREADABLE)
        if len(receipt.provider_id) > PROVIDER_ID_LENGTH or (receipt.message_id or 0) > MAX_ID:
            raise ParseError(UNREADABLE)

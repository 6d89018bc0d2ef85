"""Errors as `application/problem+json` (RFC 9457), in views and outside them (decision 0086)."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

from vestnik.db.errors import RETRY_AFTER, FailureKind
from vestnik.middleware.complete_body import IncompleteBody

CONTENT_TYPE = "application/problem+json"

#: The last part of `type`, by which clients distinguish problems.
KINDS = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    411: "length-required",
    413: "too-large",
    415: "unsupported-media-type",
    422: "idempotency-key-reused",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
}

FieldError = dict[str, str]


def problem(status: int, detail: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """Return the body of an error response; `errors` names each invalid field and the remedy."""
    body = {
        "type": f"urn:vestnik:problem:{KINDS.get(status, 'error')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": printable(detail),
    }
    if errors:
        body["errors"] = [{name: printable(value) for name, value in e.items()} for e in errors]
    return body


def printable(text: str) -> str:
    """Escape unpaired surrogates, which cannot be encoded as UTF-8, so that input can be quoted."""
    return text.encode("utf-8", "backslashreplace").decode()


def answer(status: int, detail: str, errors: Sequence[FieldError] = ()) -> HttpResponse:
    """Return a problem as a Django response, for code outside the API's views."""
    body = json.dumps(problem(status, detail, errors), ensure_ascii=False)
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Handle Django's 400: an incomplete body, an unknown host, a forged cookie, a long header."""
    if isinstance(exception, IncompleteBody):
        return answer(400, str(exception))
    return answer(400, "This request could not be read: check its host and its headers.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Handle Django's 403."""
    return answer(403, "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Handle Django's 404."""
    return answer(404, "There is nothing at this address. Those that exist are at /docs/.")


DETAILS = {
    FailureKind.BUSY: (
        "Another request changed the same objects at the same time, and nothing of this request "
        "was stored: send it again."
    ),
    FailureKind.TOO_LONG: (
        "The request took too long and was stopped. Request less at once (a shorter list, a "
        "smaller page, a narrower filter), or try again later."
    ),
    FailureKind.AWAY: "The database does not answer: try again in a few seconds.",
}


def unavailable(trouble: FailureKind) -> HttpResponse:
    """Return a 503 outside the API's views."""
    response = answer(503, DETAILS[trouble])
    response["Retry-After"] = str(RETRY_AFTER[trouble])
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Handle Django's 500."""
    return answer(
        500, "The service failed; the log has the error. Nothing of this request was stored."
    )

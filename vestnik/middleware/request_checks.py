"""Middleware of every request: its time is limited, and its text is UTF-8 that can be stored."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase

from vestnik.db.base import connection

GetResponse = Callable[[HttpRequest], HttpResponseBase]

#: The lowest rate of an incoming body and of an outgoing answer: over a slow line they take long.
MIN_BYTES_PER_SECOND = 16 * 1024
#: The dashboard's forms report a field with a NUL themselves. Django's admin does not, and the
#: statement would fail in the database.
UNCHECKED = "/admin/"


def time_limit(answer: GetResponse) -> GetResponse:
    """Limit the time of a request before all other middleware: after it no statement begins, and
    the answer is 503. Streaming responses are not limited.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        connection.deadline = time.monotonic() + settings.WEB_REQUEST_SECONDS
        try:
            return answer(request)
        finally:
            connection.deadline = None

    return middleware


def content_length(environ: dict[str, Any]) -> int:
    """Return the Content-Length; 0 if it is missing or malformed, some 10**16 if it is larger."""
    length = str(environ.get("CONTENT_LENGTH") or "").lstrip("0")
    return int(length[:17]) if length.isascii() and length.isdigit() else 0


def request_text(answer: GetResponse) -> GetResponse:
    """Decode addresses and forms as UTF-8, whatever charset is declared.

    A NUL is refused with 400 where no form of the dashboard checks for it.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.encoding = "utf-8"
        if request.path_info.startswith(UNCHECKED):
            _check(request)
        return answer(request)

    return middleware


def _check(request: HttpRequest) -> None:
    if any(
        "\0" in word for word in (request.path_info, *request.GET, *request.GET.dict().values())
    ):
        raise BadRequest("There is a NUL character in the address.")

"""The time limit of requests: after it no statement begins, and the answer is 503."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from vestnik.db import deadline
from vestnik.middleware.concurrency_limit import seconds_for

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def time_limit(answer: GetResponse) -> GetResponse:
    """Set the limit before all other middleware. Streaming responses are not limited."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with deadline.within(seconds_for(request.META, settings.WEB_REQUEST_SECONDS)):
            return answer(request)

    return middleware


def body_was_read(answer: GetResponse) -> GetResponse:
    """Restart the limit once the body is read, by the check of the CSRF token."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return answer(request)

    def process_view(request: HttpRequest, *_: Any) -> None:
        # A large upload must not use up the time for its processing.
        deadline.extend(settings.WEB_REQUEST_SECONDS)

    middleware.process_view = process_view  # type: ignore[attr-defined]  # as Django asks for it
    return middleware

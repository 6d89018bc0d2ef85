"""The time limit of requests."""

import time
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.dashboard.mailings.writing import browser
from vestnik.db.base import connection
from vestnik.db.errors import DeadlineExceeded
from vestnik.middleware.concurrency_limit import at_most
from vestnik.middleware.request_checks import time_limit


@pytest.mark.parametrize("fails", [False, True])
def test_a_limit_ends_with_its_request(fails: bool) -> None:
    def answer(_request: HttpRequest) -> HttpResponse:
        assert connection.deadline is not None
        if fails:
            raise BadRequest
        return HttpResponse()

    with suppress(BadRequest):
        time_limit(answer)(RequestFactory().get("/"))

    assert connection.deadline is None


def test_a_limit_grows_with_the_bytes_that_arrive_whatever_length_is_announced(
    settings: Any,
) -> None:
    limits: list[float] = []

    def answer(request: HttpRequest) -> HttpResponse:
        limits.append(connection.deadline or 0.0)
        request.read(160 * 1024)
        limits.append(connection.deadline or 0.0)
        return HttpResponse()

    def application(environ: dict[str, Any], _start: Any) -> list[bytes]:
        time_limit(answer)(WSGIRequest(environ))
        return []

    environ = RequestFactory().post("/").environ | {
        "CONTENT_LENGTH": "9" * 15,
        "wsgi.input": BytesIO(b" " * 200 * 1024),
    }
    at_most(1, application)(environ, None)
    assert limits[0] < time.monotonic() + settings.WEB_REQUEST_SECONDS
    assert limits[1] - limits[0] == pytest.approx(10)


@pytest.mark.django_db
def test_no_statement_begins_after_the_limit_until_it_is_extended() -> None:
    def answer(_request: HttpRequest) -> HttpResponse:
        connection.deadline = time.monotonic() - 1
        with connection.cursor() as cursor:
            with pytest.raises(DeadlineExceeded):
                cursor.execute("SELECT 1")
            connection.extend_deadline(60)
            cursor.execute("SELECT 1")
        return HttpResponse()

    time_limit(answer)(RequestFactory().get("/"))
    connection.extend_deadline(-1)  # outside of a request there is nothing to extend

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.django_db
def test_a_page_whose_form_took_all_the_time_to_arrive_is_answered() -> None:
    class Late(BytesIO):
        """A body during which the time limit passes."""

        def read(self, *size: Any) -> bytes:
            connection.deadline = time.monotonic() - 1
            return super().read(*size)

    token = "a" * 32
    sender = Client(enforce_csrf_checks=True)
    sender.cookies = browser().cookies
    sender.cookies["csrftoken"] = token
    body = f"csrfmiddlewaretoken={token}&phone_number=7".encode()

    answer = sender.generic(
        "POST",
        reverse("client-add"),
        body,
        content_type="application/x-www-form-urlencoded",
        **{"wsgi.input": Late(body)},
    )

    assert answer.status_code == 422  # the form is incomplete

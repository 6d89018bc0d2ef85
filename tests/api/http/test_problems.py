"""Errors of every origin are problem documents (RFC 9457)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError
from django.http import Http404
from django.test import Client
from psycopg import errors
from psycopg_pool import PoolTimeout

from tests.api.caller import Caller
from vestnik.db.errors import DeadlineExceeded


def test_an_address_that_is_not_there_is_a_problem_too() -> None:
    answer = Client().get("/nowhere", headers={"accept": "application/json"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def _because(cause: errors.Error) -> OperationalError:
    """Return an error as Django wraps one of psycopg."""
    error = OperationalError("canceling statement")
    error.__cause__ = cause
    return error


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "mailings/-5/messages/export/?state=queued&format=xlsx", {}),
        ("GET", "nothing/?limit=5&limit=6", {}),
        ("POST", "mailings/-5/pause/", {"idempotency-key": "k"}),
        ("OPTIONS", "nothing/", {}),
    ],
)
def test_an_unknown_address_is_404_whatever_comes_with_it(
    method: str, path: str, headers: dict[str, str]
) -> None:
    answer = Caller().call(method, f"/api/v1/{path}", **headers)

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:vestnik:problem:not-found"


@pytest.mark.django_db
def test_an_unknown_host_is_a_problem_too() -> None:
    answer = Caller().call("GET", "clients/", host="elsewhere.example")

    assert answer.status_code == 400


@pytest.mark.django_db
def test_what_breaks_here_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("79261234567")

    caller = Caller()
    caller.http.raise_request_exception = False
    monkeypatch.setattr("vestnik.api.clients.views.pagination.paginate", broken)

    answer = caller.get("clients/")

    assert answer.status_code == 500
    assert b"7926" not in answer.content


@pytest.mark.django_db
def test_an_answer_is_in_english_whatever_the_language() -> None:
    answer = Caller().get("clients/?page_size=x", accept_language="ru")

    assert answer.json()["errors"][0]["message"] == "Give a whole number."
    assert answer["Content-Language"] == "en"


@pytest.mark.django_db
def test_a_name_in_the_path_is_never_an_error_of_ours() -> None:
    for path in ("clients/%00/", "clients/%ff/", "%F0%9F%98%80", "mailings/1/%0a/", "..%2f"):
        assert Caller().get(path).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trouble", "status", "said"),
    [
        (OperationalError("server closed the connection"), 503, "does not answer"),
        (PoolTimeout("couldn't get a connection"), 503, "does not answer"),
        (_because(errors.DeadlockDetected()), 409, "send it again"),
        (_because(errors.SerializationFailure()), 409, "send it again"),
        (_because(errors.LockNotAvailable()), 409, "send it again"),
        (_because(errors.QueryCanceled()), 503, "Request less at once"),
        (DeadlineExceeded(), 503, "Request less at once"),
        (IntegrityError("mailing_starts_before_it_ends"), 409, "Another request changed"),
        (ValidationError({"tag": "Shorten it."}), 400, "tag"),
        (ValidationError("Shorten it."), 400, "body"),
        (Http404(), 404, "nothing with this id"),
    ],
    ids=repr,
)
def test_trouble_below_a_view_is_told_from_a_mistake(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception, status: int, said: str
) -> None:
    def troubled(*_: object) -> None:
        raise trouble

    caller = Caller()
    monkeypatch.setattr("vestnik.api.clients.views.pagination.paginate", troubled)

    answer = caller.get("clients/")

    again = status == 503 or said == "send it again"
    assert (answer.status_code, "Retry-After" in answer) == (status, again)
    assert said in answer.json()["detail"]

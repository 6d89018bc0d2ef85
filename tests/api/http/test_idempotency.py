"""`Idempotency-Key` on creation."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.api.caller import Caller, errors_of, ids_of, mailing_body
from vestnik.api.http.idempotency import LOCK
from vestnik.api.models import IdempotencyRecord
from vestnik.mailings.models import LAUNCH, Mailing

NUMBER = {"phone_number": "79261234567"}


CREATIONS: list[tuple[str, dict[str, Any]]] = [
    ("clients/", NUMBER),
    ("mailings/", mailing_body()),
    ("audiences/", {"name": "x", "filter": {}}),
    ("attributes/", {"name": "x", "type": "number"}),
]


@pytest.mark.parametrize(("address", "body"), CREATIONS)
def test_the_same_request_gets_the_same_answer_and_creates_nothing(
    api: Caller, address: str, body: dict[str, Any]
) -> None:
    first = api.post(address, body, idempotency_key="k")
    again = api.post(address, dict(reversed(body.items())), idempotency_key="k")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert len(ids_of(api.get(address))) == 1


def test_another_body_is_refused(api: Caller) -> None:
    api.post("clients/", NUMBER, idempotency_key="k")

    assert api.post("clients/", {**NUMBER, "tag": "x"}, idempotency_key="k").status_code == 422
    assert api.post("mailings/", mailing_body(), idempotency_key="k").status_code == 422


def test_a_refused_request_may_be_corrected_under_the_same_key(api: Caller) -> None:
    assert api.post("clients/", {"phone_number": "8"}, idempotency_key="k").status_code == 400

    assert api.post("clients/", NUMBER, idempotency_key="k").status_code == 201


def test_each_api_key_has_its_own(api: Caller) -> None:
    api.post("mailings/", mailing_body(), idempotency_key="k")

    other = Caller(name="other").post("mailings/", mailing_body(name="x"), idempotency_key="k")

    assert other.status_code == 201
    assert Mailing.objects.count() == 2


def test_without_a_key_each_request_creates(api: Caller) -> None:
    api.post("mailings/", mailing_body())
    api.post("mailings/", mailing_body())

    assert Mailing.objects.count() == 2
    assert not IdempotencyRecord.objects.exists()


def test_after_a_day_the_key_is_free_again_and_old_records_go(api: Caller) -> None:
    for key in ("k", "another"):
        api.post("mailings/", mailing_body(), idempotency_key=key)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))

    answer = api.post("mailings/", mailing_body(name="new"), idempotency_key="k")

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ключ", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(api: Caller, key: str) -> None:
    answer = api.post("clients/", NUMBER, idempotency_key=key)

    assert answer.status_code == 400
    assert "ASCII" in errors_of(answer)["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_a_second_request_while_the_first_is_under_way_is_refused() -> None:
    caller = Caller()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK, [f"idempotency {caller.key.id} k"])
            held.set()
            done.wait(10)
        connection.close()

    first = threading.Thread(target=hold)
    first.start()
    held.wait(10)
    answer = caller.post("clients/", NUMBER, idempotency_key="k")
    done.set()
    first.join()

    assert answer.status_code == 409
    assert "is running" in answer.json()["detail"]
    assert caller.post("clients/", NUMBER, idempotency_key="k").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_creates() -> None:
    caller = Caller()
    statuses: list[int] = []

    def send() -> None:
        answer = caller.post("mailings/", mailing_body(), idempotency_key="k")
        statuses.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Mailing.objects.count() == 1
    assert set(statuses) <= {201, 409}
    assert 201 in statuses


UNKEYED = [
    ("POST", "clients/bulk/", []),
    ("POST", "mailings/preview/", mailing_body()),
    ("POST", "mailings/1/unknown/", {"action": "resend"}),
    ("PUT", "clients/1/", NUMBER),
    ("PATCH", "clients/1/", {"tag": "x"}),
    ("DELETE", "clients/1/", None),
]


@pytest.mark.parametrize(("method", "address", "body"), UNKEYED)
def test_a_key_is_refused_where_it_would_be_ignored(
    api: Caller, method: str, address: str, body: Any
) -> None:
    answer = api.call(method, address, body, idempotency_key="k")

    assert answer.status_code == 400
    assert "leave the header out" in errors_of(answer)["Idempotency-Key"]
    assert api.get("clients/", idempotency_key="k").status_code == 200


def test_a_key_is_refused_exactly_where_the_schema_has_none(api: Caller) -> None:
    paths = api.get("/api/schema/", accept="application/json").json()["paths"]
    documented, accepted = set(), set()
    for path, operations in paths.items():
        for method, operation in operations.items():
            if "security" not in operation or method == "get":
                continue  # the addresses of the providers accept any header
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            documented |= {(method, path)} if "Idempotency-Key" in named else set()
            address = re.sub(r"\{\w+\}", "1", path)
            answer = api.call(method.upper(), address, [], idempotency_key="k")
            is_refused = "leave the header out" in answer.content.decode()
            accepted |= set() if is_refused else {(method, path)}

    assert accepted == documented
    assert ("post", "/api/v1/audiences/") in documented


ORDERS = [("schedule", "scheduled"), ("pause", "paused"), ("resume", "running"), ("cancel", None)]


def test_an_action_is_done_whatever_key_comes_with_it(api: Caller) -> None:
    """A client that sends one with every request must be able to stop a mailing."""
    body = mailing_body(draft=True)
    mailing = api.post("mailings/", body, idempotency_key="k").json()["id"]
    for order, state in ORDERS:
        for _ in range(2):
            answer = api.post(f"mailings/{mailing}/{order}/", idempotency_key="k")
            assert answer.status_code == 200, answer.json()
            assert answer.json()["state"] == (state or "cancelled")
        if order == "schedule":
            assert Mailing.objects.get(id=mailing).move(LAUNCH, actor="system")

    assert IdempotencyRecord.objects.count() == 1


def test_a_number_is_stopped_and_a_client_erased_whatever_key_comes_with_it(api: Caller) -> None:
    client = api.post("clients/", NUMBER).json()["id"]
    numbers = {"phone_numbers": [NUMBER["phone_number"]]}

    answers = [api.post("stop-list/", numbers, idempotency_key="k").json() for _ in range(2)]
    erased = api.post(f"clients/{client}/erase/", idempotency_key="k")

    assert answers == [{"added": 1, "known": 0}, {"added": 0, "known": 1}]
    assert (erased.status_code, erased.json()["on_stop_list"]) == (200, True)


def test_an_erasure_frees_no_key(api: Caller) -> None:
    """Otherwise a repeated test send, as after a timeout, would be sent again."""
    body = {"text": "Hello", "phone_numbers": ["79261234567"]}
    client = api.post("clients/", NUMBER).json()["id"]
    api.post("mailings/test-send/", body, idempotency_key="k")

    api.post(f"clients/{client}/erase/")
    again = api.post("mailings/test-send/", body, idempotency_key="k")

    assert again.status_code == 409
    assert "was erased" in again.json()["detail"]
    assert Mailing.objects.count() == 1
    assert not IdempotencyRecord.objects.filter(body__contains="9261234567").exists()

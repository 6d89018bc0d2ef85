"""/livez and /readyz."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from tests.stack.embedded_servers import wait_until
from vestnik.api.ops import health

#: The Host of a probe of Kubernetes, a load balancer or a stranger; none is in ALLOWED_HOSTS.
HOSTS = [
    "10.42.0.7:8000",
    "10.42.0.7",
    "web:8000",
    "[fd00::7]:8000",
    "evil.example",
    "a_b",
    "a b",
    "",
]


def test_a_process_that_answers_lives() -> None:
    answer = Client().get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_a_process_with_all_that_it_needs_is_ready() -> None:
    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "broker": "ok"}


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_is_named(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["checks"]["database"] == "ok"
    assert answer.json()["checks"]["broker"] != "ok"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("refuse", "take_again"),
    [
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
    ],
    ids=["out of memory", "a replica"],
)
def test_a_broker_that_refuses_writes_is_named(refuse: list[str], take_again: list[str]) -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.execute_command(*refuse)
    try:
        answer = Client().get("/readyz")
    finally:
        broker.execute_command(*take_again)

    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "refuses writes"


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(health, "SECONDS", 0.05)
    monkeypatch.setitem(health.CHECKS, "database", lambda: release.wait(5) or None)

    answer = Client().get("/readyz")
    release.set()

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "no answer within 0.05 s"


@pytest.fixture
def silent_broker(settings: Any) -> Iterator[None]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("silent_broker")
def test_a_broker_that_hangs_is_all_that_is_named_however_often_it_is_asked() -> None:
    def ask(_: int) -> tuple[float, dict[str, object]]:
        began = time.monotonic()
        found = Client().get("/readyz").json()
        return time.monotonic() - began, found

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(ask, range(12)))
    checks = {"database": "ok", "migrations": "ok", "broker": "no answer within 2 s"}
    pipeline = {
        "workers": None,
        "scheduler_age_seconds": None,
        "overdue_mailings": 0,
        "oldest_due_seconds": 0.0,
    }

    def only_the_broker_is_named_in_time() -> bool:
        seconds, found = ask(0)
        told = {name: (found["pipeline"] or {}).get(name, "?") for name in pipeline}
        return seconds < 2.5 and (found["checks"], told) == (checks, pipeline)

    wait_until(only_the_broker_is_named_in_time, 60)  # at once, unless the machine is busy
    assert sum(thread.name == "readyz" for thread in threading.enumerate()) <= 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hanging", ["database", "migrations", "broker"])
def test_only_what_hangs_is_named(monkeypatch: pytest.MonkeyPatch, hanging: str) -> None:
    release = threading.Event()
    monkeypatch.setitem(health.CHECKS, hanging, lambda: release.wait(30) or None)

    with ThreadPoolExecutor(8) as pool:  # more than may hang at once
        list(pool.map(lambda _: Client().get("/readyz"), range(8)))

    usual = {"database": "ok", "migrations": "ok", "broker": "ok"}
    said = usual | {hanging: "no answer within 2 s"}
    wait_until(lambda: Client().get("/readyz").json()["checks"] == said, 60)
    release.set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/livez", "/readyz"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_probe_is_answered_whatever_its_host(settings: Any, address: str, host: str) -> None:
    settings.ALLOWED_HOSTS = ["sms.example.ru"]

    answer = Client().get(address, HTTP_HOST=host)

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/", "/login/", "/livez/", "/readyz/x", "/metrics", "/api/v1/clients/", "/docs/"]
)
def test_nothing_else_is_answered_to_an_unknown_host(settings: Any, address: str) -> None:
    settings.ALLOWED_HOSTS = ["sms.example.ru"]
    assert Client().get(address, HTTP_HOST="evil.example").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_a_database_older_than_the_code_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def older() -> None:
        raise health.NotMigrated

    monkeypatch.setitem(health.CHECKS, "migrations", older)

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "migrations are missing"


@pytest.mark.parametrize("address", ["/livez", "/readyz"])
def test_nothing_can_be_sent_to_them(address: str) -> None:
    assert Client().post(address).status_code == 405

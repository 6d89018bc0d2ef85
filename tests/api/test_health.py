"""/livez and /readyz."""

import threading

import pytest
import redis
from django.conf import settings
from django.test import Client

from vestnik.api import health
from vestnik.celery import app


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
def test_a_broker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["checks"]["database"] == "ok"
    assert answer.json()["checks"]["broker"] != "ok"


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_refuses_writes_is_named() -> None:
    broker = redis.Redis.from_url(settings.REDIS_URL)
    broker.config_set("maxmemory", "1")
    try:
        answer = Client().get("/readyz")
    finally:
        broker.config_set("maxmemory", "0")

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

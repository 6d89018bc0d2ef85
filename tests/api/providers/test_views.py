"""The providers: their abilities, and never a secret."""

from typing import Any

import pytest

from tests.api.caller import Caller
from tests.dispatch.send.breakers import opened
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def providers(settings: Any) -> None:
    options = {
        "url": "https://gateway.example/hidden-path",
        "token": "geheim",
        "max_rate": "50",
        "price_per_segment": "2.50",
        "in_doubt": "resend",
        "deduplicates": "true",
    }
    settings.SMS_PROVIDERS = {
        "console": {"BACKEND": "console"},
        "main": {"BACKEND": "http_gateway", "OPTIONS": options},
    }
    describe.cache_clear()


def test_a_provider_says_what_it_can_do(api: Caller) -> None:
    assert api.get("providers/main/").json() == {
        "alias": "main",
        "backend": "http_gateway",
        "in_doubt": "resend",
        "window": 100,
        "max_rate": 50.0,
        "paced_by": "message",
        "deduplicates": True,
        "can_query": False,
        "price_per_segment": "2.50",
        "breaker": {"state": "closed", "until": None, "reason": "", "reason_details": None},
    }


def test_all_are_listed_without_their_secrets(api: Caller) -> None:
    answer = api.get("providers/")

    assert [row["alias"] for row in answer.json()["results"]] == ["console", "main"]
    for secret in ("geheim", "hidden-path", "gateway.example"):
        assert secret not in answer.content.decode()


def test_an_open_breaker_is_shown_with_its_reason(api: Caller) -> None:
    opened("main", "HTTP 503")

    shown = api.get("providers/main/").json()["breaker"]

    assert (shown["state"], shown["reason"]) == ("open", "HTTP 503")
    assert shown["until"].endswith("Z")


def test_an_unknown_one_is_not_found(api: Caller) -> None:
    assert api.get("providers/pigeon/").status_code == 404


def test_nobody_changes_a_provider_here(api: Caller) -> None:
    assert api.post("providers/", {}).status_code == 405
    assert api.delete("providers/main/").status_code == 405

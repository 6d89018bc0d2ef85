"""Senders note which providers answer, and all workers read it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dispatch.send.breakers import LEASE, departed, stayed
from vestnik.db.redis_client import client
from vestnik.dispatch.send.circuit_breaker import CircuitBreaker
from vestnik.dispatch.signals.answering import (
    ANSWERING,
    ANSWERING_FOR,
    is_answering,
    note_answer,
    publish_answers,
)
from vestnik.dispatch.signals.metrics import Counters
from vestnik.providers.base import Accepted, Deferred, Outcome, Rejected, Unknown

ALIAS = "answers-now-and-then"


@pytest.fixture(autouse=True)
def nothing_noted() -> Iterator[None]:
    publish_answers()
    client().delete(ANSWERING.format(ALIAS))
    yield
    client().delete(ANSWERING.format(ALIAS))


@pytest.mark.parametrize(
    ("outcome", "has_departed", "expected"),
    [
        (Accepted(), True, True),
        (Rejected("8", "no such number"), True, True),
        (Rejected("0", "it has no text"), False, False),
        (Deferred("later"), True, False),
        (Unknown("?"), True, False),
        (None, False, False),
    ],
)
@pytest.mark.django_db
def test_a_good_answer_shows_for_a_while(
    outcome: Outcome | None, has_departed: bool, expected: bool
) -> None:
    results = departed(outcome) if has_departed else stayed([outcome])
    CircuitBreaker(ALIAS, LEASE).record(*results)
    assert not is_answering(ALIAS)
    publish_answers()
    assert is_answering(ALIAS) is expected
    if expected:
        assert 0 < client().pttl(ANSWERING.format(ALIAS)) <= ANSWERING_FOR * 1000


def test_a_metric_says_nothing_of_it() -> None:
    """The names of metrics may change without any change to what breakers do."""
    counters = Counters()
    counters.count_flight(ALIAS, *departed(Accepted()))
    counters.flush()
    publish_answers()
    assert not is_answering(ALIAS)


def test_without_redis_nobody_is_known_to_answer(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    note_answer(ALIAS)
    publish_answers()
    assert not is_answering(ALIAS)

"""The circuit breaker, shared by all workers: messages wait and lose no attempts."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.dispatch.send.breakers import LEASE, departed, opened, stayed
from tests.monotonic import Clock
from vestnik.db import sql
from vestnik.dispatch.models import Breaker as Row
from vestnik.dispatch.send.circuit_breaker import (
    FAILURES_TO_OPEN,
    LONGEST,
    SHORTEST,
    STATE_CACHE_SECONDS,
    CircuitBreaker,
)
from vestnik.dispatch.signals.answering import ANSWERING, note_answer, publish_answers
from vestnik.providers.base import Accepted, Deferred, Outcome, Rejected, Unknown

pytestmark = pytest.mark.django_db

FAILED = Deferred("the gateway fails")
AWAY = Deferred("connection refused")
NOT_BOUND = Deferred("the SMSC refuses to bind", 1.0, provider_wide=True)
BUSY = Deferred("HTTP 429", 1.0, provider_wide=True)


@pytest.fixture(autouse=True)
def nobody_answers() -> Iterator[None]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(ANSWERING.format("main"))
        yield
        client.delete(ANSWERING.format("main"))


def breaker(clock: Callable[[], float] = time.monotonic) -> CircuitBreaker:
    return CircuitBreaker("main", LEASE, clock)


def wait_of(found: CircuitBreaker) -> float:
    """Return the wait of a dispatcher that asks and sends nothing."""
    with found.admit() as wait:
        return wait


def seconds_open() -> float:
    query = "SELECT extract(epoch FROM until - changed_at)::float8 FROM dispatch_breaker"
    return float(sql.value(query))


def let_its_time_pass() -> None:
    sql.run("UPDATE dispatch_breaker SET until = clock_timestamp() - interval '1 millisecond'")


def test_it_opens_after_twenty_troubles_in_a_row() -> None:
    found = breaker()
    assert found.record(*departed(*[FAILED] * (FAILURES_TO_OPEN - 1))) == 0
    assert not Row.objects.exists()
    assert found.record(*departed(Unknown("no answer"))) == SHORTEST
    row = Row.objects.get()
    assert (row.state, row.openings, row.reason) == ("open", 1, "no answer")


@pytest.mark.parametrize("good", [Accepted(), Rejected("8", "no such number")])
def test_an_answer_of_any_kind_ends_the_row(good: Outcome) -> None:
    found = breaker()
    for _ in range(5):
        assert found.record(*departed(*[FAILED] * (FAILURES_TO_OPEN - 1))) == 0
        assert found.record(*departed(FAILED, good)) == 0
    assert not Row.objects.exists()


def test_what_did_not_leave_says_nothing_of_the_provider() -> None:
    assert breaker().record(*stayed([None] * 100)) == 0
    assert not Row.objects.exists()


def test_open_it_lets_nothing_through_whoever_asks() -> None:
    opened("main")
    for found in (breaker(), breaker()):
        with found.admit() as wait:
            assert 0 < wait <= SHORTEST
            assert not found.is_probing


def test_one_message_tries_and_only_one() -> None:
    one, other = opened("main"), breaker()
    let_its_time_pass()
    with one.admit() as wait, other.admit() as wait_of_other:
        assert (wait, wait_of_other) == (0, STATE_CACHE_SECONDS)
        assert one.is_probing
        assert not other.is_probing
        assert Row.objects.get().state == "half-open"


def test_other_threads_of_the_dispatcher_do_not_try_as_well() -> None:
    shared = opened("main")
    let_its_time_pass()
    seen: list[bool] = []
    with shared.admit() as wait:
        thread = threading.Thread(target=lambda: seen.append(shared.is_probing))
        thread.start()
        thread.join()
        assert (wait, seen, shared.is_probing) == (0, [False], True)


def test_a_good_answer_closes_it_for_all() -> None:
    one, other = opened("main"), breaker()
    let_its_time_pass()
    with one.admit() as wait:
        assert wait == 0
        assert one.record(*departed(Accepted())) == 0
        assert not one.is_probing
    with one.admit() as wait, other.admit() as wait_of_other:
        assert (wait, wait_of_other) == (0, 0)
    row = Row.objects.get()
    assert (row.state, row.openings, row.until, row.reason) == ("closed", 0, None, "")


def test_a_bad_one_opens_it_for_twice_as_long_up_to_a_minute() -> None:
    found = opened("main")
    lasted = [seconds_open()]
    for _ in range(7):
        let_its_time_pass()
        with found.admit() as wait:
            assert wait == 0
            assert found.record(*departed(FAILED)) == SHORTEST
        lasted.append(seconds_open())
    assert [round(seconds) for seconds in lasted] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert max(lasted) <= LONGEST + 0.01


def test_several_that_open_it_at_once_count_once() -> None:
    for found in (breaker(), breaker()):
        found.record(*departed(*[FAILED] * FAILURES_TO_OPEN))
    assert Row.objects.get().openings == 1


def test_one_who_finds_nothing_to_try_with_gives_the_try_back() -> None:
    one, other = opened("main"), breaker()
    let_its_time_pass()
    with one.admit() as wait:
        assert (wait, one.is_probing) == (0, True)
    assert not one.is_probing
    with other.admit() as wait:
        assert (wait, other.is_probing) == (0, True)


def test_a_probe_is_given_back_though_its_sender_fails() -> None:
    one, other = opened("main"), breaker()
    let_its_time_pass()
    with pytest.raises(ValueError, match="no such batch"), one.admit():
        raise ValueError("no such batch")
    with other.admit() as wait:
        assert (wait, other.is_probing) == (0, True)


def test_asking_an_open_breaker_writes_nothing() -> None:
    """Only the dispatcher that gets the probe writes."""
    found = opened("main")
    seen = Row.objects.values().get()
    with CaptureQueriesContext(connection) as queries, found.admit() as wait:
        assert wait > 0
    assert [query["sql"].split()[0] for query in queries.captured_queries] == ["SELECT"]
    assert Row.objects.values().get() == seen


def test_one_who_dies_while_trying_is_followed_by_another() -> None:
    one, other = opened("main"), breaker()
    let_its_time_pass()
    with one.admit() as wait:
        with other.admit() as wait_of_other:
            assert (wait, wait_of_other) == (0, STATE_CACHE_SECONDS)
        let_its_time_pass()
        with other.admit() as wait_of_other:
            assert (wait_of_other, other.is_probing) == (0, True)


def test_a_closed_one_is_believed_for_a_moment() -> None:
    clock = Clock()
    found, other = breaker(clock), breaker()
    assert wait_of(found) == 0
    other.record(*departed(*[FAILED] * FAILURES_TO_OPEN))
    assert wait_of(found) == 0
    clock.ahead = STATE_CACHE_SECONDS
    assert wait_of(found) > 0


@pytest.mark.parametrize("share", [1, 100])
def test_a_provider_that_wants_less_is_not_down(share: int) -> None:
    found = breaker()
    for _ in range(10):
        answers = [BUSY] * share + [Accepted()] * (100 - share)
        assert found.record(*departed(*answers)) == 0
    assert not Row.objects.exists()


def test_what_departed_before_the_last_good_answer_is_no_trouble_whenever_it_lands() -> None:
    found, now = breaker(), time.monotonic()
    assert found.record(*departed(Accepted(), at=now)) == 0
    late = departed(*[Unknown("no answer within 10 s")] * 100, at=now - 10)
    assert found.record(*late) == 0
    assert found.record(*departed(*[FAILED] * FAILURES_TO_OPEN, at=now + 1)) == SHORTEST


def test_a_long_wish_of_all_that_is_answered_opens_it_for_all_and_for_so_long() -> None:
    wish = Deferred("HTTP 429", 3600.0, provider_wide=True)
    found = breaker()
    assert found.record(*departed(*[wish] * 99, Accepted())) == 0
    assert not Row.objects.exists()
    assert found.record(*departed(*[wish] * FAILURES_TO_OPEN)) == SHORTEST
    row = Row.objects.get()
    assert (row.state, row.reason) == ("open", "HTTP 429 (it says: after 3600 s)")
    assert seconds_open() == pytest.approx(3600, abs=1)
    assert wait_of(breaker()) == LONGEST  # then it reads the row again

    let_its_time_pass()
    other = breaker()
    with other.admit() as wait:
        assert wait == 0
        wish = Deferred("HTTP 429", 86_400.0, provider_wide=True)
        assert other.record(*departed(wish)) == SHORTEST
    assert seconds_open() == pytest.approx(3600, abs=1)


def test_a_short_wish_as_the_answer_to_the_try_closes_it() -> None:
    found = opened("main")
    let_its_time_pass()
    with found.admit() as wait:
        assert wait == 0
        assert found.record(*departed(BUSY)) == 0
    assert Row.objects.get().state == "closed"


def test_a_worker_that_does_not_get_through_rests_alone_while_others_do() -> None:
    clock, pauses = Clock(), list[float]()
    found = breaker(clock)
    with ExitStack() as under_way:
        for _ in range(4):
            note_answer("main")
            publish_answers()
            pauses.append(found.record(*stayed([NOT_BOUND] * 100)))
            assert 0 < wait_of(found) <= pauses[-1]
            assert wait_of(breaker()) == 0
            clock.ahead += pauses[-1]
            assert under_way.enter_context(found.admit()) == 0
            assert found.is_probing  # by one message
        assert pauses == [2, 4, 8, 16]
        assert not Row.objects.exists()
        assert found.record(*departed(Accepted())) == 0
        assert not found.is_probing
    assert found.record(*stayed([NOT_BOUND])) == 2


def test_where_nobody_gets_through_it_opens_so_that_the_operator_sees_why() -> None:
    clock = Clock()
    found = breaker(clock)
    assert found.record(*stayed([AWAY] * FAILURES_TO_OPEN)) == 2
    assert not Row.objects.exists()
    clock.ahead = 2
    with found.admit() as wait:
        assert wait == 0
        assert found.record(*stayed([AWAY])) == 4
    row = Row.objects.get()
    assert (row.state, row.reason) == ("open", "connection refused")
    assert seconds_open() == pytest.approx(2, abs=0.01)


def test_a_worker_that_does_not_get_through_leaves_the_try_to_another() -> None:
    other = opened("main")
    let_its_time_pass()
    found = breaker()
    with found.admit() as wait:
        assert wait == 0
        assert found.record(*stayed([NOT_BOUND])) == 2
    with other.admit() as wait:
        assert (wait, other.is_probing) == (0, True)


def test_others_of_the_dispatcher_wait_while_one_tries_alone() -> None:
    clock = Clock()
    found = breaker(clock)
    clock.ahead = found.record(*stayed([NOT_BOUND]))
    seen: list[float] = []

    def ask() -> None:
        seen.append(wait_of(found))
        connection.close()

    with found.admit() as wait:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert (wait, seen) == (0, [STATE_CACHE_SECONDS])

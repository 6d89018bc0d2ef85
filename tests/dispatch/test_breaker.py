"""The circuit breaker: shared by all, it parks messages instead of burning their attempts."""

import threading

import pytest

from vestnik.dispatch import breaker as breakers
from vestnik.dispatch import sql
from vestnik.dispatch.breaker import BELIEVE, LONGEST, SHORTEST, TROUBLES_TO_OPEN, Breaker
from vestnik.dispatch.models import Breaker as Row
from vestnik.providers.base import Accepted, Deferred, Outcome, Rejected, Unknown

pytestmark = pytest.mark.django_db

AWAY = Deferred("connection refused")
LEASE = 20.0


def breaker() -> Breaker:
    return Breaker("main", LEASE)


def opened() -> Breaker:
    found = breaker()
    assert found.note([AWAY] * TROUBLES_TO_OPEN) == SHORTEST
    return found


def seconds_open() -> float:
    query = "SELECT extract(epoch FROM until - changed_at)::float8 FROM dispatch_breaker"
    return float(sql.value(query))


def let_its_time_pass() -> None:
    sql.run("UPDATE dispatch_breaker SET until = clock_timestamp() - interval '1 millisecond'")


def test_it_opens_after_twenty_troubles_in_a_row() -> None:
    found = breaker()
    assert found.note([AWAY] * (TROUBLES_TO_OPEN - 1)) == 0
    assert not Row.objects.exists()
    assert found.note([Unknown("no answer")]) == SHORTEST
    row = Row.objects.get()
    assert (row.state, row.openings, row.reason) == ("open", 1, "no answer")


@pytest.mark.parametrize("good", [Accepted(), Rejected("8", "no such number")])
def test_an_answer_of_any_kind_ends_the_row(good: Outcome) -> None:
    found = breaker()
    for _ in range(5):
        assert found.note([AWAY] * (TROUBLES_TO_OPEN - 1)) == 0
        assert found.note([AWAY, good]) == 0
    assert not Row.objects.exists()


def test_what_did_not_leave_says_nothing_of_the_provider() -> None:
    assert breaker().note([None] * 100) == 0
    assert not Row.objects.exists()


def test_open_it_lets_nothing_through_whoever_asks() -> None:
    opened()
    for found in (breaker(), breaker()):
        assert 0 < found.wait() <= SHORTEST
        assert not found.probing


def test_one_message_tries_and_only_one() -> None:
    one, other = opened(), breaker()
    let_its_time_pass()
    assert one.wait() == 0
    assert one.probing
    assert other.wait() == BELIEVE
    assert not other.probing
    assert Row.objects.get().state == "half-open"


def test_other_threads_of_the_lane_do_not_try_as_well() -> None:
    shared = opened()
    let_its_time_pass()
    assert shared.wait() == 0
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(shared.probing))
    thread.start()
    thread.join()
    assert (seen, shared.probing) == ([False], True)


def test_a_good_answer_closes_it_for_all() -> None:
    one, other = opened(), breaker()
    let_its_time_pass()
    assert one.wait() == 0
    assert one.note([Accepted()]) == 0
    assert not one.probing
    assert (one.wait(), other.wait()) == (0, 0)
    row = Row.objects.get()
    assert (row.state, row.openings, row.until, row.reason) == ("closed", 0, None, "")


def test_a_bad_one_opens_it_for_twice_as_long_up_to_a_minute() -> None:
    found = opened()
    lasted = [seconds_open()]
    for _ in range(7):
        let_its_time_pass()
        assert found.wait() == 0
        assert found.note([AWAY]) == SHORTEST
        lasted.append(seconds_open())
    assert [round(seconds) for seconds in lasted] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert max(lasted) <= LONGEST + 0.01


def test_several_that_open_it_at_once_count_once() -> None:
    for found in (breaker(), breaker()):
        found.note([AWAY] * TROUBLES_TO_OPEN)
    assert Row.objects.get().openings == 1


def test_one_who_finds_nothing_to_try_with_gives_the_try_back() -> None:
    one, other = opened(), breaker()
    let_its_time_pass()
    assert one.wait() == 0
    one.forgo()
    assert not one.probing
    assert other.wait() == 0
    assert other.probing


def test_one_who_dies_while_trying_is_followed_by_another() -> None:
    one, other = opened(), breaker()
    let_its_time_pass()
    assert one.wait() == 0
    assert other.wait() > 0
    let_its_time_pass()
    assert other.wait() == 0
    assert other.probing


def test_a_closed_one_is_believed_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    found, other = breaker(), breaker()
    assert found.wait() == 0
    other.note([AWAY] * TROUBLES_TO_OPEN)
    assert found.wait() == 0
    monkeypatch.setattr(found, "_believed_until", breakers.time.monotonic())
    assert found.wait() > 0

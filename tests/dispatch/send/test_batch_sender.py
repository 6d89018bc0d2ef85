"""A batch is sent to a gateway over a real socket; its messages get the right states."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from tests.builders import counts, enlist_all, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider, work_and_close
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.db import sql
from vestnik.dispatch.models import Breaker, HandOver
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.record import outcome_policy
from vestnik.dispatch.record.outcome_policy import LONGEST_RETRY
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.mailings.models import CANCEL, Mailing

pytestmark = pytest.mark.django_db(transaction=True)  # slow answers are recorded by a thread

WINDOW = 20


@pytest.fixture
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


@pytest.fixture
def late_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retry is due by itself in the time of a test, however slow the machine is."""
    monkeypatch.setattr(outcome_policy, "FIRST_RETRY", LONGEST_RETRY)


@contextmanager
def sending(settings: Any, gateway: Standing, **options: str) -> Iterator[Dispatcher]:
    """Yield a dispatcher for the gateway, with these options."""
    given = {"url": gateway.url, "window": str(WINDOW), "deadline": "10", **options}
    with provider(settings, "main", "http_gateway", **given), open_dispatcher("main") as found:
        yield found


def mailing_to(clients: int, **fields: Any) -> Mailing:
    return make_running(clients, provider="main", **fields)


def attempts(mailing: Mailing) -> list[int]:
    return sorted(mailing.messages.values_list("attempts", flat=True))


def work_until(dispatcher: Dispatcher, done: Callable[[], bool]) -> None:
    """Run the dispatcher repeatedly, as wake-ups do."""

    def look() -> bool:
        dispatcher.work()
        return done()

    wait_until(look, seconds=20)


def make_everything_due() -> None:
    """Skip the waits: of retries, of batches and of the breaker."""
    sql.run("UPDATE dispatch_message SET next_attempt_at = NULL WHERE state = 'queued'")
    sql.run("UPDATE dispatch_batch SET due_at = clock_timestamp() WHERE state = 'waiting'")
    sql.run("UPDATE dispatch_breaker SET until = clock_timestamp() WHERE state <> 'closed'")


def test_each_client_gets_it_once(settings: Any, gateway: Standing) -> None:
    mailing = mailing_to(250)
    with sending(settings, gateway, id_path="provider_id") as main:
        main.work()

    assert counts(mailing) == {"sent": 250}
    assert_it_adds_up(mailing)
    assert set(gateway.times().values()) == {1}
    assert len(gateway.taken) == 250
    by_id = dict(HandOver.objects.values_list("provider_message_id", "message_id"))
    assert by_id == {taken.provider_id: taken.message_id for taken in gateway.taken}
    assert {taken.text for taken in gateway.taken} == {"Hello"}


def test_the_instant_of_sending_is_before_the_gateway_took_it(
    settings: Any, gateway: Standing
) -> None:
    mailing = mailing_to(50)
    with sending(settings, gateway) as main:
        main.work()
    sent_at = dict(mailing.messages.values_list("id", "sent_at"))
    assert {taken.message_id for taken in gateway.taken} == sent_at.keys()
    assert len(sent_at) == 50
    for taken in gateway.taken:
        assert taken.message_id is not None
        assert 0 <= taken.at - sent_at[taken.message_id].timestamp() < 5.0


OUTCOMES = {
    "refuse": ("failed", 0, "400"),
    "fail": ("unknown", 0, "500"),
    "take_and_fail": ("unknown", 1, "500"),
    "drop": ("unknown", 0, ""),
    "take_and_drop": ("unknown", 1, ""),
    "take_and_hang": ("unknown", 1, ""),
    "take_and_babble": ("unknown", 1, ""),
}


@pytest.mark.parametrize("act", OUTCOMES)
def test_what_the_gateway_does_becomes_the_messages_state(
    settings: Any, gateway: Standing, act: str
) -> None:
    state, taken, said = OUTCOMES[act]
    mailing = mailing_to(1)
    gateway.set(once=[act])
    deadline = "1" if act == "take_and_hang" else "10"
    with sending(settings, gateway, deadline=deadline) as main:
        main.work()
        main.work()

    message = mailing.messages.get()
    assert (message.state, len(gateway.taken)) == (state, taken)
    assert message.error
    assert said in message.error
    assert message.phone_number not in message.error
    assert_it_adds_up(mailing)


@pytest.mark.usefixtures("late_retries")
def test_what_the_gateway_vouches_for_is_tried_again_with_back_off(
    settings: Any, gateway: Standing
) -> None:
    mailing = mailing_to(5)
    gateway.set(once=["fail"] * 7)
    with sending(settings, gateway, temporary_statuses="429,500") as main:
        main.work()
        message = mailing.messages.first()
        assert (message.state, message.attempts) == ("queued", 1)
        wait = sql.value(
            "SELECT extract(epoch FROM min(next_attempt_at) - clock_timestamp())"
            "FROM dispatch_message"
        )
        assert LONGEST_RETRY / 2 - 20 < wait <= LONGEST_RETRY
        while counts(mailing) != {"sent": 5}:
            make_everything_due()
            main.work()
    assert sum(attempts(mailing)) == 5 + 7
    assert len(gateway.taken) == 5
    assert_it_adds_up(mailing)


def test_attempts_end_where_the_provider_says_so(settings: Any, gateway: Standing) -> None:
    mailing = mailing_to(3)
    gateway.set(percent={"fail": 100})
    with sending(settings, gateway, temporary_statuses="500", max_attempts="2") as main:
        main.work()
        make_everything_due()
        main.work()
    assert counts(mailing) == {"failed": 3}
    assert "gave up after 2 attempts" in mailing.messages.first().error


def test_a_throttled_message_costs_no_attempt(settings: Any, gateway: Standing) -> None:
    mailing = mailing_to(5)
    gateway.set(once=["throttle"] * 5, retry_after=1)
    with sending(settings, gateway) as main:
        main.work()
    assert counts(mailing) == {"sent": 5}
    assert attempts(mailing) == [1] * 5
    assert {taken.at for taken in gateway.taken}


def test_a_provider_that_is_down_is_parked_and_recovers(settings: Any, gateway: Standing) -> None:
    mailing = mailing_to(500)
    gateway.down()
    with sending(settings, gateway, max_attempts="3") as main:
        work_until(main, lambda: Breaker.objects.filter(state="open").exists())
        assert Breaker.objects.get().reason
        assert sum(attempts(mailing)) <= WINDOW + 5

        make_everything_due()
        work_until(main, lambda: Breaker.objects.get().openings == 2)
    assert sum(attempts(mailing)) <= WINDOW + 10
    assert max(attempts(mailing)) == 1  # no message loses an attempt

    gateway.up()
    make_everything_due()
    with sending(settings, gateway) as main:
        main.work()
        make_everything_due()
        main.work()
    assert counts(mailing) == {"sent": 500}
    assert Breaker.objects.get().state == "closed"
    assert set(gateway.times().values()) == {1}
    assert_it_adds_up(mailing)


def test_a_mailing_that_is_refused_for_good_pauses_itself(settings: Any, gateway: Standing) -> None:
    mailing = mailing_to(1_000)
    gateway.set(percent={"refuse": 100})
    with sending(settings, gateway) as main:
        main.work()
    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert "100 % of" in mailing.state_reason
    assert "refused for good" in mailing.state_reason
    assert counts(mailing)["failed"] <= 200 + 2 * WINDOW
    assert_it_adds_up(mailing)


@pytest.mark.usefixtures("late_retries")
def test_where_it_is_configured_so_what_is_in_doubt_goes_again(
    settings: Any, gateway: Standing
) -> None:
    mailing = mailing_to(10)
    gateway.set(once=["take_and_drop"] * 3, deduplicates=True)
    with sending(settings, gateway, in_doubt="resend", deduplicates="true") as main:
        main.work()
        assert counts(mailing) == {"queued": 3, "sent": 7}
        assert "in doubt, sent again" in mailing.messages.filter(state="queued").first().error
        make_everything_due()
        main.work()
    assert counts(mailing) == {"sent": 10}
    assert set(gateway.times().values()) == {1}
    assert_it_adds_up(mailing)


def test_the_validity_is_what_is_left_of_the_mailing(settings: Any, gateway: Standing) -> None:
    mailing_to(1, ends_in=100)
    headers = '{"X-Validity-Seconds": "{validity_seconds}"}'
    with sending(settings, gateway, headers=headers) as main:
        main.work()
    assert 95 <= int(gateway.taken[0].validity) <= 100


def test_a_throttled_answer_rests_all_batches_of_the_dispatcher(
    settings: Any, gateway: Standing
) -> None:
    mailing_to(300)
    other = make_mailing(provider="main")
    assert launch.launch(other.id)
    enlist_all(other)
    gateway.set(delay=0.05, once=[*["accept"] * 100, "throttle"], retry_after=2)
    with sending(settings, gateway) as main:
        threads = [threading.Thread(target=work_and_close, args=[main]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        work_until(main, lambda: len(gateway.taken) == 600)
    took = sorted(taken.at for taken in gateway.taken)
    rest, resumed = max((later - at, later) for at, later in pairwise(took))
    assert rest > 1.5
    assert sum(at < resumed for at in took) <= 100 + 3 * WINDOW
    assert not Breaker.objects.exists()


def test_a_wish_to_be_left_alone_for_an_hour_is_granted_by_all_workers(
    settings: Any, gateway: Standing
) -> None:
    mailing = mailing_to(500)
    gateway.set(percent={"throttle": 100}, retry_after=3600)
    with sending(settings, gateway) as one, open_dispatcher("main") as other:
        one.work()
        asked = gateway.sandbox.requests
        assert asked == WINDOW
        for found in (one, other):
            found.work()
        assert gateway.sandbox.requests == asked

        row = Breaker.objects.get()
        assert (row.state, row.reason) == ("open", "429: too many requests (it says: after 3600 s)")
        seconds = sql.value(
            "SELECT extract(epoch FROM until - clock_timestamp())::float8 FROM dispatch_breaker"
        )
        assert 3590 < seconds <= 3600

        mailing.apply(CANCEL, actor="test")
        closing.close(mailing.id)
        assert counts(mailing) == {"cancelled": 500}
        assert_it_adds_up(mailing)

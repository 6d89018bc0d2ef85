"""Unknown messages: resent by an operator or automatically before the end, or given up."""

from typing import Any

import pytest

from tests.builders import (
    counts,
    end,
    make_mailing,
    make_running,
)
from tests.dispatch.sent import (
    add,
    assert_it_adds_up,
    claim_of,
    due_ids,
    expire_leases,
    mark_in_flight,
    record,
    run_out_leases,
)
from tests.monotonic import Clock
from vestnik.dispatch.reconcile import closing, unknown_messages
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.recorder import OutcomeBatch, record_late
from vestnik.dispatch.runtime import clock_skew
from vestnik.dispatch.runtime.clock_skew import StepWatch
from vestnik.dispatch.runtime.scheduler import run_maintenance
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import CANCEL, PAUSE, Mailing, StateConflict
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db


def mailing_with_unknown(**fields: Any) -> Mailing:
    """A finished mailing, before its end, with one message sent and one unknown."""
    mailing = make_running(2, starts_in=-10, **fields)
    record(mailing, ["sent", "unknown"])
    assert closing.finish_if_done(mailing.id)
    mailing.refresh_from_db()
    return mailing


def test_who_was_deleted_while_in_doubt_is_not_sent_to_again() -> None:
    mailing = make_running(clients=2)
    [gone, stays] = record(mailing, ["unknown"] * 2)
    assert delete_client(mailing.messages.get(id=gone).client_id)
    assert unknown_messages.resend(mailing, actor="test") == 1
    assert due_ids(claim_of(mailing)) == [stays]
    assert counts(mailing) == {"queued": 1, "unknown": 1}
    assert_it_adds_up(mailing)


def test_resend_reopens_a_finished_mailing_and_it_finishes_again() -> None:
    mailing = mailing_with_unknown()

    assert unknown_messages.resend(mailing, actor="test") == 1

    mailing.refresh_from_db()
    assert (mailing.state, mailing.finished_at) == ("running", None)
    assert counts(mailing) == {"queued": 1, "sent": 1}
    assert_it_adds_up(mailing)
    assert not closing.finish_if_done(mailing.id)
    record(mailing, ["sent"])
    assert closing.finish_if_done(mailing.id)
    assert counts(mailing) == {"sent": 2}
    assert mailing.messages.order_by("id").last().attempts == 2


@pytest.mark.parametrize("how", ["ended", "cancelled", "scheduled"])
def test_resend_is_refused_where_nothing_may_leave(how: str) -> None:
    mailing = make_mailing() if how == "scheduled" else mailing_with_unknown()
    if how == "ended":
        end(mailing)
    elif how == "cancelled":
        mailing = make_running_with_one_unknown_and_cancel(mailing)
    before = counts(mailing)

    with pytest.raises(StateConflict):
        unknown_messages.resend(mailing, actor="test")

    assert counts(mailing) == before
    assert not mailing.events.filter(event="resend").exists()


def make_running_with_one_unknown_and_cancel(mailing: Mailing) -> Mailing:
    unknown_messages.resend(mailing, actor="test")
    mailing.events.all().delete()
    record(mailing, ["unknown"])
    mailing.refresh_from_db()
    mailing.apply(CANCEL, actor="test")
    return mailing


def test_resend_keeps_a_paused_mailing_paused() -> None:
    mailing = make_running(2)
    record(mailing, ["unknown"])
    mailing.apply(PAUSE, actor="test")
    assert unknown_messages.resend(mailing, actor="test") == 1
    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert counts(mailing) == {"queued": 2}
    assert_it_adds_up(mailing)


def test_the_late_word_of_the_first_attempt_changes_nothing_after_a_resend() -> None:
    mailing = make_running(1)
    claim = claim_of(mailing)
    [message] = due_ids(claim)
    settled = mark_in_flight(claim, [message])
    run_out_leases()
    run_maintenance()
    unknown_messages.resend(mailing, actor="test")
    add(settled, message, "sent", "p-1")
    assert record_late(claim, settled) == 0
    assert counts(mailing) == {"queued": 1}
    assert_it_adds_up(mailing)


def test_giving_up_says_why_also_after_the_end() -> None:
    mailing = mailing_with_unknown()
    end(mailing)
    assert unknown_messages.give_up(mailing, actor="test") == 1
    assert counts(mailing) == {"failed": 1, "sent": 1}
    assert_it_adds_up(mailing)
    assert "given up" in mailing.messages.get(state="failed").error
    assert unknown_messages.give_up(mailing, actor="test") == 0


def test_what_is_held_stays_unknown() -> None:
    mailing = mailing_with_unknown()
    for _ in range(3):
        run_maintenance()
    assert counts(mailing) == {"sent": 1, "unknown": 1}
    assert mailing.state == "finished"


@pytest.fixture
def resending(settings: Any) -> Any:
    """Configure a provider with `in_doubt = resend`."""
    options = {"in_doubt": "resend"}
    settings.SMS_PROVIDERS |= {"again": {"BACKEND": "null", "OPTIONS": options}}
    describe.cache_clear()
    yield
    del settings.SMS_PROVIDERS["again"]
    describe.cache_clear()


def test_where_it_is_configured_so_they_are_sent_again_by_themselves(resending: None) -> None:
    mailing = mailing_with_unknown(provider="again")
    run_maintenance()
    mailing.refresh_from_db()
    assert mailing.state == "running"
    assert counts(mailing) == {"queued": 1, "sent": 1}
    assert_it_adds_up(mailing)


def test_at_the_end_they_stay_unknown_rather_than_expire(resending: None) -> None:
    mailing = mailing_with_unknown(provider="again")
    end(mailing)
    run_maintenance()
    closing.close(mailing.id)
    assert counts(mailing) == {"sent": 1, "unknown": 1}


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> StepWatch:
    """Let this process know the database's clock as steady."""
    clock = Clock(ahead=-1000)
    found = StepWatch(clock)
    with monkeypatch.context() as earlier:
        earlier.setattr(
            clock_skew, "NOW", clock_skew.NOW.replace("()", "() - interval '1000 seconds'")
        )
        found.steady_seconds()
    clock.ahead = 0.0
    monkeypatch.setattr(clock_skew, "step_watch", found)
    return found


def lose_lease(mailing: Mailing) -> tuple[Claim, OutcomeBatch, int]:
    """A message is in flight, and its lease has expired by the database's clock."""
    claim = claim_of(mailing)
    [message] = due_ids(claim)
    settled = mark_in_flight(claim, [message])
    expire_leases()
    assert counts(mailing) == {"unknown": 1}
    return claim, settled, message


@pytest.mark.parametrize("step", [60, -60])
def test_after_a_step_of_the_clock_no_flight_is_sent_again_before_its_answer(
    resending: None, watch: StepWatch, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = make_running(1, provider="again")
    monkeypatch.setattr(
        clock_skew, "NOW", clock_skew.NOW.replace("()", f"() + interval '{step} seconds'")
    )
    claim, settled, message = lose_lease(mailing)

    for _ in range(3):
        run_maintenance()
    assert counts(mailing) == {"unknown": 1}

    add(settled, message, "sent", "p-1")
    assert record_late(claim, settled) == 1
    assert counts(mailing) == {"sent": 1}
    assert_it_adds_up(mailing)


def test_without_a_step_the_worker_is_gone_and_its_messages_are_sent_again(
    resending: None, watch: StepWatch
) -> None:
    mailing = make_running(1, provider="again")
    lose_lease(mailing)
    run_maintenance()
    assert counts(mailing) == {"queued": 1}


def test_a_step_while_messages_are_queued_again_takes_that_back(resending: None) -> None:
    mailing = make_running(1, provider="again")
    lose_lease(mailing)
    unknown_messages.resend_automatically(["again"], iter([True, False]).__next__)
    assert counts(mailing) == {"unknown": 1}
    assert_it_adds_up(mailing)


def test_what_a_worker_has_said_itself_is_sent_again_whatever_the_clock_does(
    resending: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_skew, "step_watch", StepWatch())  # of a process that has just started
    mailing = make_running(2, provider="again")
    record(mailing, ["unknown"])
    run_maintenance()
    assert counts(mailing) == {"queued": 2}

"""A mailing with many refused messages pauses itself once, with the reason."""

import pytest

from tests.builders import make_running
from tests.dispatch.sent import record
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.record.auto_pause import pause_if_refused
from vestnik.mailings.models import PAUSE, RESUME, Mailing

pytestmark = pytest.mark.django_db

WHY = "8: no such number"


def handed_over(mailing: Mailing, failed: int, sent: int) -> None:
    record(mailing, ["failed"] * failed + ["sent"] * sent)


def test_a_fifth_of_two_hundred_is_too_much() -> None:
    mailing = make_running(1_000)
    handed_over(mailing, failed=40, sent=160)

    assert pause_if_refused(mailing.id, WHY)

    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert mailing.state_reason == (
        "20 % of 200 messages were refused; the last one: 8: no such number"
    )
    event = mailing.events.get(event="pause")
    assert (event.actor, event.reason) == ("system", mailing.state_reason)


@pytest.mark.parametrize(("failed", "sent"), [(39, 161), (199, 0), (1, 999)])
def test_less_than_that_is_not(failed: int, sent: int) -> None:
    mailing = make_running(1_000)
    handed_over(mailing, failed, sent)
    assert not pause_if_refused(mailing.id, WHY)
    mailing.refresh_from_db()
    assert mailing.state == "running"


def test_an_operator_who_resumes_it_has_decided() -> None:
    mailing = make_running(1_000)
    handed_over(mailing, failed=200, sent=0)
    assert pause_if_refused(mailing.id, WHY)
    mailing.refresh_from_db()
    mailing.apply(RESUME, actor="test")
    handed_over(mailing, failed=300, sent=0)

    assert not pause_if_refused(mailing.id, WHY)

    mailing.refresh_from_db()
    assert mailing.state == "running"


def test_a_pause_for_another_reason_does_not_count_for_it() -> None:
    mailing = make_running(1_000)
    mailing.move(PAUSE, reason="Its provider 'x' is not configured any more.")
    mailing.apply(RESUME, actor="test")
    handed_over(mailing, failed=200, sent=0)
    assert pause_if_refused(mailing.id, WHY)


def test_what_an_operator_gave_up_was_not_refused() -> None:
    mailing = make_running(1_000)
    record(mailing, ["unknown"] * 100 + ["sent"] * 150)
    assert unknown_messages.give_up(mailing, actor="test") == 100
    record(mailing, ["failed"])
    assert not pause_if_refused(mailing.id, WHY)
    record(mailing, ["failed"] * 70)
    assert pause_if_refused(mailing.id, WHY)
    mailing.refresh_from_db()
    assert mailing.state_reason.startswith("22 % of 321 messages were refused")

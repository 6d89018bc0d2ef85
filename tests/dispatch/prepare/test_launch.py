"""Due mailings are launched."""

from collections.abc import Callable

import pytest

from tests.builders import from_now, make_clients, make_mailing
from vestnik.db import sql
from vestnik.dispatch.models import EnlistmentCursor
from vestnik.dispatch.prepare import launch as launching
from vestnik.dispatch.prepare.launch import launch, launch_when_due
from vestnik.dispatch.runtime import scheduler
from vestnik.mailings.models import CANCEL, Mailing

pytestmark = pytest.mark.django_db


def test_a_due_mailing_is_launched_and_its_audience_frozen():
    ids = make_clients(3)
    mailing = make_mailing()
    assert launch(mailing.id)
    mailing.refresh_from_db()
    assert (mailing.state, mailing.started_at is not None) == ("running", True)
    assert EnlistmentCursor.objects.get(mailing=mailing).bound == ids[-1]
    assert list(mailing.events.values_list("event", "actor")) == [
        ("schedule", "system"),
        ("launch", "system"),
    ]


def test_a_second_launch_changes_nothing():
    mailing = make_mailing()
    assert launch(mailing.id)
    assert not launch(mailing.id)
    assert mailing.events.filter(event="launch").count() == 1


def test_a_mailing_is_not_launched_before_its_start():
    mailing = make_mailing(starts_in=5)
    assert not launch(mailing.id)
    assert not launch_when_due(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "scheduled"


def test_a_wakeup_that_comes_a_moment_early_waits():
    mailing = make_mailing(starts_in=0.08)
    assert launch_when_due(mailing.id)
    mailing.refresh_from_db()
    assert mailing.started_at >= mailing.starts_at


def test_a_mailing_whose_window_went_by_is_missed_and_makes_no_rows():
    make_clients(3)
    mailing = make_mailing(starts_in=-10, ends_in=-1)
    assert not launch(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "missed"
    assert mailing.state_reason.startswith("The whole window went by")
    assert not mailing.messages.exists()


def test_an_empty_directory_is_no_trouble():
    mailing = make_mailing()
    assert launch(mailing.id)
    assert EnlistmentCursor.objects.get(mailing=mailing).bound == 0


def test_one_wakeup_launches_all_that_are_due_in_a_few_statements(django_assert_max_num_queries):
    ids = make_clients(3)
    mailings = [make_mailing() for _ in range(30)]
    later, missed = make_mailing(starts_in=60), make_mailing(starts_in=-10, ends_in=-1)

    with django_assert_max_num_queries(2):
        assert launch_when_due(mailings[7].id)

    for mailing in mailings:
        mailing.refresh_from_db()
        assert (mailing.state, mailing.started_at is not None) == ("running", True)
        assert EnlistmentCursor.objects.get(mailing=mailing).bound == ids[-1]
        (event,) = mailing.events.filter(event="launch").values("actor", "from_state", "to_state")
        assert event == {"actor": "system", "from_state": "scheduled", "to_state": "running"}
    for mailing in (later, missed):
        mailing.refresh_from_db()
        assert mailing.state == "scheduled"
    assert launch_when_due(later.id) == []
    assert not launch_when_due(missed.id)
    missed.refresh_from_db()
    assert missed.state == "missed"


def cancel(mailing: Mailing) -> None:
    mailing.apply(CANCEL, actor="test")


def move(mailing: Mailing) -> None:
    mailing.change({"starts_at": from_now(600)}, actor="test")


@pytest.mark.parametrize("withdraw", [cancel, move, Mailing.delete])
def test_all_start_in_time_if_the_one_with_their_wakeup_does_not(
    withdraw: Callable[[Mailing], object],
) -> None:
    """Mailings of one moment have one wake-up, which names one of them."""
    mailings = [make_mailing(starts_in=60) for _ in range(4)]
    start = mailings[0].starts_at
    Mailing.objects.update(starts_at=start)
    ((with_wakeup, _),) = sql.rows(scheduler.DUE_SOON, [120.0])
    withdraw(Mailing.objects.get(id=with_wakeup))
    Mailing.objects.filter(starts_at=start).update(starts_at=from_now(-0.01))  # it has come

    launched = launch_when_due(with_wakeup)

    assert sorted([*launched, with_wakeup]) == [one.id for one in mailings]


def test_all_of_more_than_one_statement_launches_are_launched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launching, "MOST_AT_ONCE", 3)
    mailings = [make_mailing() for _ in range(7)]

    assert sorted(launch_when_due(mailings[0].id)) == [one.id for one in mailings]

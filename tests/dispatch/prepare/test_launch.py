"""Due mailings are launched."""

import pytest

from tests.builders import make_clients, make_mailing
from vestnik.dispatch.models import EnlistmentCursor
from vestnik.dispatch.prepare.launch import launch, launch_all_due, launch_when_due

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
    assert launch_all_due() == []
    assert not launch_when_due(missed.id)
    missed.refresh_from_db()
    assert missed.state == "missed"

"""A mailing whose audience cannot be enlisted delays no other mailing."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from tests.builders import counts, end, make_clients, make_mailing
from tests.dispatch.sent import assert_it_adds_up
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.prepare import enlist, enlist_queue, launch
from vestnik.dispatch.prepare.enlist_queue import EnlistQueue
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.runtime import tasks
from vestnik.mailings.models import Mailing
from vestnik.reasons.codes import Code

pytestmark = pytest.mark.django_db(transaction=True)


# Start the wait before the next try again unless it is over: the test may take longer than it.
GO_ON_WAITING = f"""
UPDATE dispatch_enlistment
SET retry_at = clock_timestamp() + interval '{enlist_queue.RETRY_AFTER - 0.001} s'
WHERE retry_at > clock_timestamp()
"""


def let_pass(seconds: float) -> None:
    sql.run("UPDATE dispatch_enlistment SET retry_at = retry_at - %s * interval '1 s'", [seconds])


def launched(**fields: object) -> Mailing:
    mailing = make_mailing(**fields)
    assert launch.launch(mailing.id)
    return mailing


def launched_with_unreadable_filter() -> Mailing:
    mailing = launched()
    Mailing.objects.filter(id=mailing.id).update(filter={"of_a_later_version": ["vip"]})
    return mailing


@pytest.fixture(autouse=True)
def empty_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enlist_queue, "queue", EnlistQueue())


@pytest.fixture
def refuse() -> Iterator[Callable[[Mailing, str], None]]:
    """Return a function by which the database refuses a mailing's messages with a SQLSTATE."""

    def refuse(mailing: Mailing, state: str) -> None:
        sql.run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$"
        )
        sql.run(
            "CREATE TRIGGER refuse BEFORE INSERT ON dispatch_message FOR EACH ROW "
            f"WHEN (NEW.mailing_id = {mailing.id}) EXECUTE FUNCTION refuse()"
        )

    yield refuse
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS refuse CASCADE")


def test_an_unreadable_filter_pauses_its_mailing_and_no_other_waits() -> None:
    make_clients(1200)
    one = {"attributes": {"n": {"present": True}}}
    large, first, poisoned, last = (
        launched(), launched(filter=one), launched_with_unreadable_filter(), launched(filter=one)
    )  # fmt: skip
    Client.objects.filter(id=Client.objects.order_by("-id").values("id")[:1]).update(
        attributes={"n": 1}
    )

    tasks.look_at(large.id)

    assert [m.messages.count() for m in (large, first, poisoned, last)] == [1200, 1, 0, 1]
    assert poisoned.enlistment.failures == 1
    for _ in range(2):
        let_pass(enlist_queue.RETRY_AFTER)
        tasks.look_at(poisoned.id)
    poisoned.refresh_from_db()
    assert (poisoned.state, poisoned.enlisted_at) == ("paused", None)
    assert "of_a_later_version" in poisoned.state_reason
    assert enlist_queue.mailings_to_enlist() == []


@pytest.mark.parametrize("enlisted", [0, 1000])
def test_at_its_end_it_finishes_with_what_was_enlisted(
    refuse: Callable[[Mailing, str], None], enlisted: int
) -> None:
    make_clients(1500)
    mailing = launched(starts_in=-10.0)
    if enlisted:
        enlist.enlist_chunk(mailing.id)
    refuse(mailing, "42P01")
    for _ in range(enlist_queue.MOST_FAILURES):
        tasks.look_at(mailing.id)
        let_pass(enlist_queue.RETRY_AFTER)
    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert closing.mailings_to_close() == []

    end(mailing)
    assert closing.mailings_to_close() == [mailing.id]
    tasks.look_at(mailing.id)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.enlisted_at) == ("finished", None)
    assert "refused" in mailing.state_reason
    assert mailing.why is not None
    assert mailing.why.code == Code.AUDIENCE_FAILED
    assert counts(mailing) == ({"expired": enlisted} if enlisted else {})
    assert_it_adds_up(mailing)
    assert closing.mailings_to_close() == []
    sql.run("DROP FUNCTION refuse CASCADE")
    tasks.look_at(mailing.id)
    assert mailing.messages.count() == enlisted  # nothing is enlisted after the end was reported


@pytest.mark.parametrize("state", ["22003", "40P01", "55P03", "57014", "53200"])
def test_an_error_of_the_database_for_one_mailing_concerns_no_other(
    refuse: Callable[[Mailing, str], None], state: str
) -> None:
    make_clients(3)
    mailings = [launched() for _ in range(4)]
    refuse(mailings[1], state)

    tasks.look_at(mailings[0].id)

    assert [one.messages.count() for one in mailings] == [3, 0, 3, 3]
    let_pass(enlist_queue.RETRY_AFTER)
    assert enlist_queue.mailings_to_enlist() == [mailings[1].id]
    sql.run("DROP FUNCTION refuse CASCADE")
    tasks.look_at(mailings[1].id)
    assert mailings[1].messages.count() == 3


@pytest.mark.parametrize("step_of_the_clock", [0, -3600, 3600])
def test_an_error_that_passes_within_seconds_gives_no_mailing_up(
    refuse: Callable[[Mailing, str], None], step_of_the_clock: int
) -> None:
    """Ten tasks meet the mailing within a second, also if each process has it in its queue."""
    make_clients(3)
    mailing = launched()
    refuse(mailing, "42P01")

    for _ in range(10):
        tasks.look_at(mailing.id)
        sql.run(GO_ON_WAITING)
        enlist_queue.enlist([mailing.id])
    mailing.refresh_from_db()

    assert (mailing.state, mailing.enlistment.failures) == ("running", 1)
    assert enlist_queue.mailings_to_enlist() == []
    sql.run("DROP FUNCTION refuse CASCADE")
    let_pass(enlist_queue.RETRY_AFTER + step_of_the_clock)
    tasks.look_at(mailing.id)
    mailing.enlistment.refresh_from_db()
    assert mailing.messages.count() == 3
    assert (mailing.enlistment.failures, mailing.enlistment.retry_at) == (0, None)

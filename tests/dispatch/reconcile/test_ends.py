"""A mailing's confirmed end is kept, whichever transaction holds the mailing's row meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from tests.builders import counts, from_now, make_running
from tests.dispatch.sent import assert_it_adds_up, record
from tests.stack.embedded_servers import wait_until
from vestnik.db import sql
from vestnik.dispatch.prepare.follow_up import create_follow_up
from vestnik.dispatch.reconcile import closing, unknown_messages
from vestnik.mailings.models import Mailing, StateConflict
from vestnik.mailings.window import database_now

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@contextmanager
def meanwhile(work: Callable[[], object], until: datetime | None = None) -> Iterator[list[object]]:
    """Another session does this, once the block has what it waits for, and gets it at that instant;
    what came of it."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error)
        connection.close()

    with transaction.atomic():
        yielded = threading.Thread(target=run)
        yield found
        yielded.start()
        wait_until(lambda: bool(sql.value(WAITING)), seconds=10)
        if until is not None:  # the end comes during the wait for the lock
            wait_until(lambda: database_now() > until, seconds=10)
    yielded.join()


def hold(mailing: Mailing) -> None:
    Mailing.objects.select_for_update(no_key=True).get(id=mailing.id)


def ending_in(seconds: float, mailing: Mailing) -> Mailing:
    """The time counts from here, and not from before it was launched and enlisted."""
    Mailing.objects.filter(id=mailing.id).update(ends_at=from_now(seconds))
    mailing.refresh_from_db()
    return mailing


def test_an_end_that_comes_while_the_row_is_held_is_refused() -> None:
    mailing = make_running(1)
    end = from_now(1.05)
    with meanwhile(lambda: mailing.change({"ends_at": end}, actor="test"), end) as found:
        hold(mailing)
    assert isinstance(found[0], ValidationError)
    assert "ends_at" in found[0].message_dict
    mailing.refresh_from_db()
    assert mailing.ends_at > database_now() + timedelta(seconds=1000)


def test_an_extension_that_waits_until_the_end_is_a_conflict() -> None:
    mailing = ending_in(1.0, make_running(1))
    later = {"ends_at": from_now(3600)}
    with meanwhile(lambda: mailing.change(later, actor="test"), mailing.ends_at) as found:
        hold(mailing)
    assert isinstance(found[0], StateConflict)


def test_an_extension_that_was_accepted_is_not_overtaken_by_the_closing() -> None:
    mailing = ending_in(2.0, make_running(2))
    end = mailing.ends_at
    with meanwhile(lambda: closing.close(mailing.id)):
        mailing.change({"ends_at": from_now(3600)}, actor="test")
        time.sleep(max(0.0, (end - from_now(0)).total_seconds()) + 0.1)  # until its first end
    mailing.refresh_from_db()
    assert (mailing.state, counts(mailing)) == ("running", {"queued": 2})
    assert_it_adds_up(mailing)


def test_a_resend_that_waits_until_the_end_is_a_conflict() -> None:
    mailing = make_running(1)
    record(mailing, ["unknown"])
    ending_in(1.0, mailing)
    with meanwhile(
        lambda: unknown_messages.resend(mailing, actor="test"), mailing.ends_at
    ) as found:
        hold(mailing)
    assert isinstance(found[0], StateConflict)
    assert counts(mailing) == {"unknown": 1}


def test_nobody_sends_again_to_those_of_a_mailing_that_runs_again() -> None:
    mailing = make_running(1)
    record(mailing, ["unknown"])
    assert closing.finish_if_done(mailing.id)
    mailing.refresh_from_db()
    window = {"starts_at": from_now(0), "ends_at": from_now(60)}
    with meanwhile(lambda: create_follow_up(mailing, ["unknown"], actor="test", **window)) as found:
        assert unknown_messages.resend(mailing, actor="test") == 1
    assert isinstance(found[0], StateConflict)

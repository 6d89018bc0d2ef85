"""A release is set up beside other setups, a backup, and after a killed setup."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.test_wait_for import own_servers, vestnik  # noqa: F401  (fixtures)
from vestnik.db.lock_ids import SETUP_LOCK

#: Before the indexes that are created concurrently, and before a column of the messages.
BEFORE = (("audience", "0009"), ("dispatch", "0004"))
INDEXES = """
SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relname IN ('client_tag_lower', 'stoplist_changed_in')
"""
#: The setup that waits has looked for a deadlock already, so the next one to look is ours.
WAITS_LONG = """
SELECT FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT pg_advisory_lock(%'
    AND clock_timestamp() > query_start + 1.5 * current_setting('deadlock_timeout')::interval
"""
MIGRATES = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"

Environ = dict[str, str]


@pytest.fixture
def older(own_servers: Environ) -> Environ:  # noqa: F811  (the fixture)
    """A database of an earlier release."""
    for migration in BEFORE:
        assert vestnik("manage", "migrate", *migration, **own_servers).returncode == 0
    return own_servers


def connect(environ: Environ) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(environ["DATABASE_URL"], autocommit=True)


def indexes(environ: Environ) -> list[object]:
    with connect(environ) as connection:
        return [valid for (valid,) in connection.execute(INDEXES)]


@contextmanager
def setups(environ: Environ, count: int) -> Iterator[list[str]]:
    """Run setups during the block; their output is complete at its end."""
    said: list[str] = []

    def set_up() -> None:
        done = vestnik("setup", "--wait", "5", **environ)
        said.append(done.stdout + done.stderr if done.returncode else "")

    threads = [threading.Thread(target=set_up) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield said
    for thread in threads:
        thread.join()


def test_two_setups_at_once_migrate_and_do_not_wait_for_each_other(older: Environ) -> None:
    with setups(older, 2) as said:
        pass
    assert said == ["", ""]
    assert indexes(older) == [True, True]


def test_a_setup_of_an_earlier_release_that_waits_for_ours_is_let_through(older: Environ) -> None:
    """It waits in a statement, and an index that is created concurrently waits for that one."""
    with connect(older) as writer, connect(older) as earlier, connect(older) as reader:
        writer.execute("BEGIN")
        writer.execute("LOCK TABLE audience_client IN ROW EXCLUSIVE MODE")
        waits = threading.Thread(
            target=earlier.execute, args=["SELECT pg_advisory_lock(%s)", [SETUP_LOCK]]
        )
        with setups(older, 1) as said:
            index = ["CREATE INDEX CONCURRENTLY%"]
            wait_until(lambda: reader.execute(MIGRATES, index).fetchall() != [], 60)
            waits.start()
            wait_until(lambda: reader.execute(WAITS_LONG).fetchall() != [], 60)
            writer.execute("COMMIT")
            waits.join(60)
            assert not waits.is_alive()
            earlier.execute("SELECT pg_advisory_unlock(%s)", [SETUP_LOCK])
    assert said == [""]
    assert indexes(older) == [True, True]


def test_a_setup_that_was_killed_in_an_index_is_begun_anew(older: Environ) -> None:
    with connect(older) as reader, connect(older) as connection:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM audience_client")
        connection.execute("SET statement_timeout = '0.2s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(
                "CREATE INDEX CONCURRENTLY client_tag_lower ON audience_client (lower(tag))"
            )
    assert indexes(older) == [False]
    with setups(older, 1) as said:
        pass
    assert said == [""]
    assert indexes(older) == [True, True]


def test_nobody_waits_behind_a_migration_that_waits_for_a_backup(older: Environ) -> None:
    with connect(older) as backup, connect(older) as worker:
        backup.execute("BEGIN")
        backup.execute("LOCK TABLE dispatch_message IN ACCESS SHARE MODE")
        with setups(older, 1) as said:
            wait_until(
                lambda: worker.execute(MIGRATES, ['ALTER TABLE "dispatch_message"%']).fetchall()
                != [],
                60,
            )
            worker.execute("SET statement_timeout = '4s'")
            worker.execute("SELECT count(*) FROM dispatch_message")
            assert said == []
            backup.execute("COMMIT")
    assert said == [""]
    assert indexes(older) == [True, True]

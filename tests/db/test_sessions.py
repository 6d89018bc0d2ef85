"""Each lock has an end of its own, whatever became of its holder."""

import threading
from collections.abc import Iterator

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections, transaction
from psycopg import errors

from tests.stack.embedded_servers import wait_until
from vestnik.db import sessions
from vestnik.db.errors import FailureKind, classify_failure, retry_on_conflict
from vestnik.db.session_locks import session_timeouts, settings_not_in_effect
from vestnik.stack import setup
from vestnik.stack.errors import StackError

pytestmark = pytest.mark.django_db(transaction=True)

LOCK = 0x74657374


@pytest.fixture
def limited() -> Iterator[None]:
    """New sessions have short limits; the pool has none that is older."""
    sessions.limit(idle=0.3, lock=0.3)
    connection.close()
    connection.close_pool()
    yield
    connection.close()
    connection.close_pool()
    sessions.limit(idle=0)  # as tests have it (conftest.py)


def take(*, shared: bool = False) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(%s)", [LOCK])


class Frozen(threading.Thread):
    """Stands still in a transaction that holds a lock, as a stopped process does."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.holds, self.thawed = threading.Event(), threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with transaction.atomic():
                take(shared=True)
                self.holds.set()
                self.thawed.wait(30)
                take(shared=True)
        except Exception as error:
            self.error = error
        finally:
            connections.close_all()


def test_a_transaction_that_stands_still_is_ended_and_its_lock_with_it(limited: None) -> None:
    frozen = Frozen()
    frozen.start()
    assert frozen.holds.wait(10)

    def is_free() -> bool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            return bool(cursor.fetchone()[0])

    wait_until(is_free, 10)
    frozen.thawed.set()
    frozen.join(10)

    # For the frozen process it is a lost connection, which all code handles.
    assert isinstance(frozen.error, OperationalError)
    assert classify_failure(frozen.error) is FailureKind.AWAY


def test_a_lock_is_waited_for_so_long_and_once(limited: None) -> None:
    held, done, tries = threading.Event(), threading.Event(), []

    def hold() -> None:
        with transaction.atomic():
            take()
            held.set()
            while not done.wait(0.05):
                take()  # it does not stand still
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)

    @retry_on_conflict
    def wait_for_it() -> None:
        tries.append(1)
        with transaction.atomic():
            take()

    with pytest.raises(OperationalError) as caught:
        wait_for_it()
    done.set()
    holder.join(10)

    assert isinstance(caught.value.__cause__, errors.LockNotAvailable)
    assert classify_failure(caught.value) is FailureKind.BUSY
    assert len(tries) == 1


def test_what_ends_locks_is_in_effect_and_named_where_it_is_not(limited: None) -> None:
    assert settings_not_in_effect() == []

    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '0', false)")
    assert settings_not_in_effect() == ["lock_timeout = 300"]
    connection.close_pool()


def test_a_session_says_whose_it_is() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW application_name")
        assert cursor.fetchone()[0].startswith("vestnik ")


def test_within_a_block_the_limits_are_others_and_afterwards_as_before(limited: None) -> None:
    def limits() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('idle_session_timeout'), current_setting('lock_timeout')"
            )
            return [*cursor.fetchone()]

    with session_timeouts(5, lock_seconds=1):
        assert limits() == ["5s", "1s"]
    assert limits() == ["0", "300ms"]


def test_a_session_that_says_nothing_is_ended(limited: None) -> None:
    other = connections[DEFAULT_DB_ALIAS].copy()
    with session_timeouts(0.1):
        pid = connection.connection.info.backend_pid
        wait_until(lambda: is_gone(other, pid), 10)
        with pytest.raises(OperationalError), transaction.atomic():
            take()
    other.close()


def is_gone(other, pid: int) -> bool:
    with other.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone() is None


def test_a_peer_that_is_gone_is_noticed_from_both_sides() -> None:
    """By TCP: the host of a Unix socket cannot vanish."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW client_connection_check_interval")
        assert cursor.fetchone() == ("5s",)
    parameters = connection.get_connection_params()
    assert {name: parameters[name] for name in sessions.OUR_SIDE} == dict(sessions.OUR_SIDE)


def test_a_migration_takes_as_long_as_it_takes(limited: None, monkeypatch) -> None:
    """The setup of a stack is forked from a process that has the limits of the web."""
    sessions.limit(statement=30, lock=4)
    monkeypatch.setattr(setup, "refuse_mistakes", fail)

    with pytest.raises(StackError):
        setup.set_up(demo=False, seconds=0)

    limits = {one.name for one in sessions.session_settings()} - {*sessions.PEERS}
    assert limits == {sessions.IDLE_IN_TRANSACTION}


def fail() -> None:
    raise StackError("no further")

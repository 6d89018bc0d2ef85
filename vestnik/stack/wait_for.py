"""Waits for the database and its migrations, since containers start in any order."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from vestnik.readiness import is_supervised
from vestnik.stack.stderr import say

#: Seconds between two attempts; the last one is repeated.
PAUSES = (0.1,) * 20 + (0.5,)
#: Seconds before the wait for a connection is reported.
SECONDS_OF_SILENCE = 2.0
#: Seconds before a slow step is reported, and the longest time between two reports.
SECONDS_UNTIL_REPORT = 10.0
LONGEST_SILENCE = 300.0


def for_database(seconds: float = float("inf")) -> None:
    """Return once the database answers and is migrated.

    Raises OperationalError if it does not answer in time.
    """
    for_connection(seconds)
    if not is_supervised():
        for_migrations()
    close_connections()


def for_connection(seconds: float = float("inf")) -> None:
    """Return once the database answers. Raises OperationalError if it does not in time."""
    began = time.monotonic()
    is_reported = False
    pauses = chain(PAUSES, repeat(PAUSES[-1]))
    while error := connection_error():
        if (passed := time.monotonic() - began) > seconds:
            raise error
        if passed > SECONDS_OF_SILENCE and not is_reported:
            is_reported = report(
                f"waiting for the database at {database_address()}: {first_line(error)}"
            )
        time.sleep(next(pauses))


def for_migrations() -> None:
    """Return once the database is migrated."""
    is_reported = False
    while has_pending_migrations():
        is_reported = is_reported or report(
            "waiting for the database to be migrated: `vestnik setup` does it"
        )
        time.sleep(PAUSES[-1])


def has_pending_migrations() -> bool:
    """Return whether the database lacks migrations of this code."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def connection_error() -> OperationalError | None:
    """Try a connection outside the pool, which would hide the reason; return its error or None."""
    connection = connections[DEFAULT_DB_ALIAS].copy()
    connection.settings_dict["OPTIONS"] = {
        name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"
    }
    try:
        connection.ensure_connection()
    except OperationalError as error:
        return error
    finally:
        connection.close()
    return None


def close_connections() -> None:
    """Close all connections and pools: forked processes must not share them."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if close_pool := getattr(connection, "close_pool", None):
            close_pool()


@contextmanager
def report_while(text: Callable[[], str]) -> Iterator[None]:
    """Report the progress of a slow block: after 10 s, 20 s, 40 s and so on."""
    ended = threading.Event()

    def tell_again() -> None:
        pause = SECONDS_UNTIL_REPORT
        while not ended.wait(pause):
            report(text())
            pause = min(2 * pause, LONGEST_SILENCE)

    teller = threading.Thread(target=tell_again, name="teller", daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def database_address() -> str:
    """Return the database's address, without the password."""
    settings = connections[DEFAULT_DB_ALIAS].settings_dict
    host = settings["HOST"] or settings["OPTIONS"].get("host", "") or "the local socket"
    return f"{host}:{settings['PORT']}" if settings["PORT"] else str(host)


def first_line(error: Exception) -> str:
    """Return the first line of an error."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def report(text: str) -> bool:
    """Print the text to standard error and flush. Return True."""
    say(text)
    return True

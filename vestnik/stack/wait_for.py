"""Waiting for what a process needs before it can work, as in containers nothing starts in order."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from vestnik.readiness import is_supervised

PAUSES = (0.1,) * 20 + (0.5,)
SECONDS_OF_SILENCE = 2.0
SECONDS_UNTIL_TOLD = 10.0
LONGEST_SILENCE = 300.0


def for_database(seconds: float = float("inf")) -> None:
    """Return once the database answers and is migrated.

    Raises OperationalError where it does not answer in time.
    """
    for_connection(seconds)
    if not is_supervised():
        for_migrations()
    close_connections()


def for_connection(seconds: float = float("inf")) -> None:
    """Return once the database answers; raises OperationalError where it does not in time."""
    began = time.monotonic()
    told = False
    pauses = chain(PAUSES, repeat(PAUSES[-1]))
    while trouble := connection_trouble():
        if (passed := time.monotonic() - began) > seconds:
            raise trouble
        if passed > SECONDS_OF_SILENCE and not told:
            told = tell(f"waiting for the database at {where()}: {first_line(trouble)}")
        time.sleep(next(pauses))


def for_migrations() -> None:
    """Return once whoever migrates the database has done so."""
    told = False
    while pending():
        told = told or tell("waiting for the database to be migrated: `vestnik setup` does it")
        time.sleep(PAUSES[-1])


def pending() -> bool:
    """Whether this code has migrations that the database has not."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def connection_trouble() -> OperationalError | None:
    """What the database says to a connection outside the pool, which would hide the reason."""
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
    """Leave nothing open: what is forked from here must not share a connection or a pool."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if close_pool := getattr(connection, "close_pool", None):
            close_pool()


@contextmanager
def told_while(text: Callable[[], str]) -> Iterator[None]:
    """Say what goes on, of a block that takes long: after 10 s, 20 s, 40 s and so on."""
    ended = threading.Event()

    def tell_again() -> None:
        pause = SECONDS_UNTIL_TOLD
        while not ended.wait(pause):
            tell(text())
            pause = min(2 * pause, LONGEST_SILENCE)

    teller = threading.Thread(target=tell_again, name="teller", daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def where() -> str:
    """The database's address, without the password."""
    settings = connections[DEFAULT_DB_ALIAS].settings_dict
    host = settings["HOST"] or settings["OPTIONS"].get("host", "") or "the local socket"
    return f"{host}:{settings['PORT']}" if settings["PORT"] else str(host)


def first_line(error: Exception) -> str:
    """An error's own first line."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def tell(text: str) -> bool:
    """Say it on standard error, at once."""
    print(f"vestnik: {text}", file=sys.stderr, flush=True)  # noqa: T201
    return True

"""The settings of every database session, which end the locks of silent processes (decision 0030).

A process that is frozen (SIGSTOP, a paused machine) or whose host is gone neither commits nor
closes its socket: only the server can end its locks. A session that is ended so loses its
transaction and its locks, and the process learns it at its next statement.

They are set by `set_config` after connecting and not as options of the connection, which poolers
refuse.
"""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

#: Seconds without a statement after which a transaction is ended: in processes that serve (a
#: running one takes milliseconds between two statements), and in other commands (a shell, a
#: migration).
SERVING_IDLE_SECONDS = 3.0
IDLE_SECONDS = 60.0
#: Seconds that a page or an API request waits for a lock before it is answered 503.
LOCK_SECONDS = 4.0
IDLE_IN_TRANSACTION = "idle_in_transaction_session_timeout"
LOCK_TIMEOUT = "lock_timeout"
STATEMENT_TIMEOUT = "statement_timeout"

#: The server detects within half a minute that a client's host is gone, also during a statement.
PEERS: Mapping[str, str] = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "client_connection_check_interval": "5000",
}
#: The same for the client, as options of libpq.
OUR_SIDE: Mapping[str, int] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

# Settings that the server does not know on its system or version are left out.
SET = """
SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL
    AND (name <> 'client_connection_check_interval' OR version() LIKE '%%linux%%')
"""

_limits: dict[str, float] = {IDLE_IN_TRANSACTION: IDLE_SECONDS}


class Setting(NamedTuple):
    """A setting of a session, and the value that it should have."""

    name: str
    value: str


def limit(
    *, idle: float = SERVING_IDLE_SECONDS, statement: float | None = None, lock: float | None = None
) -> None:
    """Set the time limits of this process's new sessions, in seconds.

    `idle` ends a transaction without statements, `statement` a statement that runs longer, `lock` a
    statement that waits longer for a lock.
    """
    _limits.clear()
    given = {IDLE_IN_TRANSACTION: idle, STATEMENT_TIMEOUT: statement, LOCK_TIMEOUT: lock}
    _limits.update({name: seconds for name, seconds in given.items() if seconds})


def session_settings() -> list[Setting]:
    """Return the settings of a new session of this process."""
    limits = [Setting(name, milliseconds(seconds)) for name, seconds in _limits.items()]
    return [*limits, *(Setting(*pair) for pair in PEERS.items())]


def name() -> Setting:
    """Return the application name: the process, its host and its pid, for `pg_stat_activity`."""
    process = os.environ.get("VESTNIK_PROCESS", "")
    who = f"vestnik {process}".rstrip()
    return Setting("application_name", f"{who} {socket.gethostname()[:30]} {os.getpid()}")


def milliseconds(seconds: float) -> str:
    """Format seconds as PostgreSQL reads a time without a unit."""
    return str(round(seconds * 1000))

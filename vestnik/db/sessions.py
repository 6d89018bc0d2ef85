"""What every session with the database has set, so that each lock has an end of its own.

A process that is frozen (SIGSTOP, a paused machine) or whose host is gone without a word neither
commits nor closes its socket: only the server can end what it holds. A session that is ended so
loses its transaction and its locks, and nothing else; the process finds out at its next statement.

By `set_config` after connecting, and not as options of the connection: poolers refuse those.
"""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

#: A transaction in which nothing is asked for so long is ended: of processes that serve, and of
#: any other command (a shell, a migration).
SERVING_IDLE_SECONDS = 3.0
IDLE_SECONDS = 60.0
#: A page or a call waits for a lock for so long, and is then told to come again.
LOCK_SECONDS = 4.0
IDLE_IN_TRANSACTION = "idle_in_transaction_session_timeout"
LOCK_TIMEOUT = "lock_timeout"
STATEMENT_TIMEOUT = "statement_timeout"

#: A peer whose host is gone is noticed within half a minute, also while a statement runs for it.
PEERS: Mapping[str, str] = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "client_connection_check_interval": "5000",
}
#: The same from our side, as options of libpq.
OUR_SIDE: Mapping[str, int] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

# A server of another system or version may not know all of them.
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
    """From now on this process's new sessions end by themselves: transactions in which nothing is
    asked, statements that take longer, statements that wait longer for a lock. In seconds."""
    _limits.clear()
    given = {IDLE_IN_TRANSACTION: idle, STATEMENT_TIMEOUT: statement, LOCK_TIMEOUT: lock}
    _limits.update({name: seconds for name, seconds in given.items() if seconds})


def session_settings() -> list[Setting]:
    """What a new session of this process has set, so that locks end."""
    limits = [Setting(name, milliseconds(seconds)) for name, seconds in _limits.items()]
    return [*limits, *(Setting(*pair) for pair in PEERS.items())]


def name() -> Setting:
    """So that `pg_stat_activity` tells whose session it is: the process, its host and its id."""
    process = os.environ.get("VESTNIK_PROCESS", "")
    who = f"vestnik {process}".rstrip()
    return Setting("application_name", f"{who} {socket.gethostname()[:30]} {os.getpid()}")


def milliseconds(seconds: float) -> str:
    """As PostgreSQL takes a time without a unit."""
    return str(round(seconds * 1000))

"""Time limits for a session that holds locks, so that a frozen process does not keep them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection

from vestnik.db import sessions
from vestnik.db.sessions import LOCK_TIMEOUT, milliseconds

IDLE_SESSION = "idle_session_timeout"

# Change settings and return the previous values, in one round trip.
CHANGE = """
SELECT name, current_setting(name), set_config(name, value, false)
FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
"""


@contextmanager
def session_timeouts(seconds: float, *, lock_seconds: float | None = None) -> Iterator[None]:
    """Have the server end this thread's session if it sends nothing for `seconds` within the block.

    All locks of the session end with it, and the block's next statement raises OperationalError.
    With `lock_seconds`, no statement of the block waits longer for a lock of another session.
    """
    limits = {IDLE_SESSION: seconds, LOCK_TIMEOUT: lock_seconds}
    before = _change({name: milliseconds(limit) for name, limit in limits.items() if limit})
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            _change(before)


def _change(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Change settings of the session; return their previous values."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGE, [[*settings], [*settings.values()]])
        return {name: before for name, before, _ in cursor.fetchall()}


# Settings of TCP read as zero in a session over a Unix socket, so they are left out there.
IN_EFFECT = """
SELECT s.name, s.setting FROM pg_settings s
WHERE s.name = ANY(%s) AND (inet_server_addr() IS NOT NULL OR s.name NOT LIKE 'tcp\\_%%')
    AND (s.name <> 'client_connection_check_interval' OR version() LIKE '%%linux%%')
"""


def settings_not_in_effect() -> list[str]:
    """Return the settings that this thread's session should have and has not, as `name = value`.

    A pooler that shares sessions between transactions loses them.
    """
    wanted = {one.name: one.value for one in sessions.session_settings()}
    with connection.cursor() as cursor:
        cursor.execute(IN_EFFECT, [[*wanted]])
        found = dict(cursor.fetchall())
    return [f"{name} = {wanted[name]}" for name, value in found.items() if value != wanted[name]]

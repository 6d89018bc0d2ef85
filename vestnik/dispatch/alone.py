"""One at a time over all processes, for as long as it lasts."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

IDLE_LIMITS = ("idle_session_timeout", "idle_in_transaction_session_timeout")


@contextmanager
def alone(lock: int, *, most_idle_seconds: float | None = None) -> Iterator[bool]:
    """Whether nobody else is within a block of that lock; then nobody comes in until it is left.

    It is held by this thread's session with the database, so a process that dies lets go of it.
    A process that is frozen, or whose host is gone without a word, does not: with
    `most_idle_seconds` the server ends a session that says nothing for so long within the block,
    and the block's next statement raises OperationalError.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        (taken,) = cursor.fetchone()
        try:
            if taken and most_idle_seconds is not None:
                _limit_idling(f"{round(most_idle_seconds * 1000)}ms")
            yield taken
        finally:
            if taken:
                if most_idle_seconds is not None:
                    _limit_idling(None)
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])


def _limit_idling(limit: str | None) -> None:
    """Set the limits of this session, or set them back to the server's."""
    with connection.cursor() as cursor:
        for name in IDLE_LIMITS:
            cursor.execute(f"SET {name} = {limit!r}" if limit else f"RESET {name}")

"""Advisory locks of PostgreSQL: a block of code runs in one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from vestnik.db.session_locks import session_timeouts

#: Seconds after which a process that is frozen within a block loses the lock (decision 0032).
MOST_IDLE_SECONDS = 5.0


@contextmanager
def advisory_lock(
    lock: int,
    *,
    most_idle_seconds: float = MOST_IDLE_SECONDS,
    lock_seconds: float | None = None,
) -> Iterator[bool]:
    """Try to take the lock for the block; yield whether it was free.

    This thread's database session holds the lock, so it ends with the process. For a process that
    is frozen, or whose host is gone, the server ends a session that sends no statement for
    `most_idle_seconds` within the block; the block's next statement then raises OperationalError.
    Statements of the block wait at most `lock_seconds` for locks of other sessions.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        (taken,) = cursor.fetchone()
    if not taken:
        yield False
        return
    try:
        with session_timeouts(most_idle_seconds, lock_seconds=lock_seconds):
            yield True
    finally:
        # A closed session has released the lock already, and must not be opened again for it.
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])

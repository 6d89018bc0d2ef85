"""Advisory locks: a block of code runs in one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from vestnik.db.session_locks import session_timeouts

#: A process that is frozen within a block loses the lock after so long, unless told otherwise.
MOST_IDLE_SECONDS = 5.0


@contextmanager
def advisory_lock(
    lock: int,
    *,
    most_idle_seconds: float = MOST_IDLE_SECONDS,
    lock_seconds: float | None = None,
) -> Iterator[bool]:
    """Try to take the lock for the block; yield whether it was free.

    It is held by this thread's session with the database, so a process that dies lets go of it. One
    that is frozen, or whose host is gone without a word, does not: the server ends a session that
    says nothing for `most_idle_seconds` within the block, and the block's next statement raises
    OperationalError. Statements of the block wait `lock_seconds` at most for locks of others.
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
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])

"""Cancels the statement of another thread."""

from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, connections

#: Seconds that the request to cancel may take: it uses a connection of its own.
CANCEL_SECONDS = 2.0


def statement_canceller() -> Callable[[], None]:
    """Return a function that cancels this thread's statement, for another thread to call.

    The statement raises OperationalError. Without a running statement nothing is cancelled.
    """
    ours = connections[DEFAULT_DB_ALIAS]

    def cancel() -> None:
        session = ours.connection
        if session is not None and not session.closed:
            session.cancel_safe(timeout=CANCEL_SECONDS)

    return cancel

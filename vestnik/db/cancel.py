"""Cancel what another thread's session does."""

from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, connections

CANCEL_SECONDS = 2.0


def statement_canceller() -> Callable[[], None]:
    """Return a function that cancels this thread's statement, for another thread to call.

    It cancels nothing where no statement runs. The statement raises OperationalError.
    """
    ours = connections[DEFAULT_DB_ALIAS]

    def cancel() -> None:
        session = ours.connection
        if session is not None and not session.closed:
            session.cancel_safe(timeout=CANCEL_SECONDS)

    return cancel

"""Django's PostgreSQL backend, extended: every stored instant can be read, and no statement begins
after the deadline of a request.

PostgreSQL stores instants from 4713 BC to the year 294276, and two infinite ones. Python ends at
the year 9999, and converting its last day to another time zone overflows. Therefore an instant
beyond the bounds below is read as the bound, so no page and no answer fails because of a stored
value (decision 0091).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, cast

from django.db import connection as django_connection
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.utils import DatabaseErrorWrapper, OperationalError
from django.utils.functional import cached_property
from psycopg import DataError, errors
from psycopg.adapt import AdaptersMap

from vestnik.db import sessions
from vestnik.db.errors import DeadlineExceeded

# Years away from Python's own limits, since zones, windows and forecasts are added to what is read.
EARLIEST = datetime(100, 1, 1, tzinfo=UTC)
LATEST = datetime(9900, 1, 1, tzinfo=UTC)


class BoundedLoader(BaseTzLoader):  # type: ignore[misc]  # untyped
    """Loads an instant (UTC) within EARLIEST and LATEST."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            instant: datetime = super().load(data)
        except DataError:
            written = bytes(data)
            return EARLIEST if written.startswith(b"-") or written.endswith(b"BC") else LATEST
        return min(max(instant, EARLIEST), LATEST)


class ErrorWrapper(DatabaseErrorWrapper):
    """Raises OperationalError for a session that the server ended, as for any lost connection.

    psycopg files `idle_in_transaction_session_timeout` (25P03) under internal errors (decision
    0030).
    """

    wrapper: "DatabaseWrapper"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, errors.IdleInTransactionSessionTimeout):
            self.wrapper.errors_occurred = True
            raise OperationalError(*error.args).with_traceback(traceback) from error
        super().__exit__(kind, error, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend that `DATABASES["default"]["ENGINE"]` names; each thread has a connection."""

    #: The monotonic time after which no statement begins; None outside of requests. Work without
    #: the database is bounded by the size of the request's body.
    deadline: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._execute_in_time)

    def extend_deadline(self, seconds: float) -> None:
        """Move a deadline to at least `seconds` from now, after time that the caller itself
        took."""
        if self.deadline is not None:
            self.deadline = max(self.deadline, time.monotonic() + seconds)

    def prolong_deadline(self, seconds: float) -> None:
        """Move a deadline by some seconds, those that the body of the request took."""
        if self.deadline is not None:
            self.deadline += seconds

    def _execute_in_time(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise DeadlineExceeded
        return execute(*arguments)

    @cached_property
    def wrap_database_errors(self) -> ErrorWrapper:
        return ErrorWrapper(self)

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        adapters = AdaptersMap(parameters["context"])
        adapters.register_loader("timestamptz", BoundedLoader)
        return {**parameters, "context": adapters}

    def _configure_connection(self, connection: Any) -> bool:
        """Apply the session settings; called once for each connection, pooled or not."""
        super()._configure_connection(connection)  # type: ignore[misc]  # not in the stubs
        wanted = [*sessions.session_settings(), sessions.name()]
        with connection.cursor() as cursor:
            cursor.execute(
                sessions.SET, [[one.name for one in wanted], [one.value for one in wanted]]
            )
        return True  # tells Django to commit


#: Django's connection of this thread, with the type of this backend.
connection = cast(DatabaseWrapper, django_connection)

"""Django's PostgreSQL backend, except that every stored instant can be read.

PostgreSQL holds instants from 4713 BC to the year 294276, and two infinite ones; Python ends at
the year 9999, and converting its last day to another time zone overflows. So an instant beyond the
bounds below is read as the bound: no page and no answer fails because of what a row holds.
"""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg import DataError
from psycopg.adapt import AdaptersMap

from vestnik.db.deadline import statement_seconds

# A year and more from Python's own limits: zones, windows and forecasts are added to what is read.
EARLIEST = datetime(100, 1, 1, tzinfo=UTC)
LATEST = datetime(9900, 1, 1, tzinfo=UTC)

SET_TIMEOUT = "SELECT set_config('statement_timeout', %s, false)"


class BoundedLoader(BaseTzLoader):  # type: ignore[misc]  # untyped
    """Reads an instant, within the bounds."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            instant: datetime = super().load(data)
        except DataError:
            written = bytes(data)
            return EARLIEST if written.startswith(b"-") or written.endswith(b"BC") else LATEST
        return min(max(instant, EARLIEST), LATEST)


class DatabaseWrapper(base.DatabaseWrapper):
    """Named by ENGINE."""

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        adapters = AdaptersMap(parameters["context"])
        adapters.register_loader("timestamptz", BoundedLoader)
        return {**parameters, "context": adapters}

    def _configure_connection(self, connection: Any) -> bool:
        """Once for each connection, new in the pool or not."""
        changed = bool(super()._configure_connection(connection))  # type: ignore[misc]  # not in the stubs
        if seconds := statement_seconds():
            with connection.cursor() as cursor:
                cursor.execute(SET_TIMEOUT, [str(round(seconds * 1000))])
        return changed or bool(seconds)

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

# A year and more from Python's own limits: zones, windows and forecasts are added to what is read.
EARLIEST = datetime(100, 1, 1, tzinfo=UTC)
LATEST = datetime(9900, 1, 1, tzinfo=UTC)


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

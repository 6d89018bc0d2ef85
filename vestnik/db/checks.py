"""System checks of the database's settings on which the pipeline's guarantees depend."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from vestnik.db import sql

# Without these a committed mark may be missing after a crash.
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name"


@register(Tags.database)
def check_durability(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that commits are durable: a flight whose mark is lost in a crash is handed over
    twice."""
    if not databases:
        return []
    return [
        Error(
            f"PostgreSQL runs with {name} = off: after a crash clients would get a text twice.",
            hint=f"Set {name} = on.",
            id="dispatch.E001",
        )
        for name, setting in sql.rows(SETTINGS, [list(DURABLE)])
        if setting == "off"
    ]

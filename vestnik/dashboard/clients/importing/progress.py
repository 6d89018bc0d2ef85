"""The progress of an import, for its live page."""

from collections.abc import Mapping
from typing import Any

from vestnik.audience.imports import OPEN, Import, ImportState
from vestnik.dispatch.runtime.import_runner import waiting_imports
from vestnik.dispatch.signals.heartbeat import count_workers
from vestnik.mailings.window import database_now

FIELDS = ("id", "state", "rows", "percent", "started_at")


def progress_of(import_id: int) -> dict[str, Any] | None:
    """Return the progress as JSON-compatible values; None if the import does not exist."""
    now = database_now()
    row = Import.objects.filter(id=import_id).values(*FIELDS).first()
    return None if row is None else {"now": now, **row, **_is_moving(row)}


def render_progress(progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of `importing/progress.html`."""
    return {"progress": progress}


def _is_moving(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether a process reads it now, and whether any worker runs at all."""
    if row["state"] not in OPEN:
        return {"is_being_read": False, "has_no_worker": False}
    return {
        "is_being_read": row["state"] == ImportState.RUNNING and row["id"] not in waiting_imports(),
        "has_no_worker": count_workers() == 0,
    }

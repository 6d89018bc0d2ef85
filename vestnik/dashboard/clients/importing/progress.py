"""How far a file is read, for those who watch it."""

from collections.abc import Mapping
from typing import Any

from vestnik.audience.imports import Import, ImportState
from vestnik.dispatch.runtime.import_runner import waiting_imports
from vestnik.dispatch.signals.heartbeat import count_workers
from vestnik.mailings.rules import database_now

OPEN = (ImportState.WAITING, ImportState.RUNNING)
FIELDS = ("id", "state", "rows", "percent", "started_at")


def progress_of(import_id: int) -> dict[str, Any] | None:
    """How far it is now, as it can be handed on; None where there is no such import."""
    now = database_now()
    found = Import.objects.filter(id=import_id).values(*FIELDS).first()
    return None if found is None else {"now": now, **found, **_is_moving(found)}


def render_progress(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `importing/progress.html` needs."""
    return {"progress": found}


def _is_moving(found: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a process reads it at this moment, and whether there is one that could."""
    if found["state"] not in OPEN:
        return {"is_being_read": False, "has_no_worker": False}
    return {
        "is_being_read": found["state"] == ImportState.RUNNING
        and found["id"] not in waiting_imports(),
        "has_no_worker": count_workers() == 0,
    }

"""Reading the files that wait, each in a process of its own.

Reading a million rows takes half a minute of one core: in a worker's own process it would slow
down every message meanwhile, and a file that bursts its reader would take the worker with it.
"""

import subprocess
import sys

from django.db import transaction

from vestnik.audience.importing.run import READING_LOCK
from vestnik.audience.importing.stored import WAITING
from vestnik.dispatch import hints, sql

TASK = "vestnik.import_file"


def look_at(import_id: int) -> None:
    """Once the transaction is committed: have a worker read the file."""
    transaction.on_commit(lambda: hints.give(TASK, import_id))


def call_for_waiting() -> None:
    """Hint at each file that waits and that nobody reads: a lost hint is given again."""
    for import_id in waiting():
        hints.give(TASK, import_id)


def waiting() -> list[int]:
    """The files that wait to be read, and those whose reader was killed."""
    return [import_id for (import_id,) in sql.rows(WAITING, [READING_LOCK])]


def read(import_id: int) -> None:
    """Read the file, unless it is being read already."""
    if import_id in waiting():
        command = [sys.executable, "-m", "vestnik", "import", "--stored", str(import_id)]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL)

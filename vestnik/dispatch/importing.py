"""Reading the files that wait, one at a time, each in a process of its own.

Reading a million rows takes half a minute of one core: in a worker's own process it would slow
down every message meanwhile, and a file that bursts its reader would take the worker with it.
"""

import subprocess
import sys

from django.db import transaction

from vestnik.audience.importing.run import READING_LOCK
from vestnik.audience.importing.stored import WAITING, end_abandoned
from vestnik.dispatch import hints, sql
from vestnik.dispatch.alone import alone

TASK = "vestnik.import_file"
#: Held by the worker whose child reads a file: hints that come meanwhile start nothing.
TURN_LOCK = 0x76697475
TURN_TAKEN = """
SELECT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
        AND l.classid = 0 AND l.objid = %s AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""


def look_at(import_id: int) -> None:
    """Once the transaction is committed: have a worker read the file."""
    transaction.on_commit(lambda: hints.give(TASK, import_id))


def call_for_waiting() -> None:
    """Hint at the next file where none is being read: a lost hint is given again.

    Those that a command was reading, and was stopped, are said to have ended.
    """
    end_abandoned()
    for import_id in waiting()[:1]:
        if not sql.value(TURN_TAKEN, [TURN_LOCK]):
            hints.give(TASK, import_id)


def waiting() -> list[int]:
    """The files that wait to be read, and those whose reader was killed."""
    return [import_id for (import_id,) in sql.rows(WAITING, [READING_LOCK])]


def read(import_id: int) -> None:
    """Read the file, unless this or another is being read: it then waits for its turn."""
    with alone(TURN_LOCK) as ours:
        if ours and import_id in waiting():
            command = [sys.executable, "-m", "vestnik", "import", "--stored", str(import_id)]
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL)

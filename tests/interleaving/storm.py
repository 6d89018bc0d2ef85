"""Many operations at once without stops, to find deadlocks of more than two."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from django.db import connection

from tests.interleaving import settling
from tests.interleaving.checks import Judge
from tests.interleaving.gateway import Worker, departures
from tests.interleaving.hook import Marks
from tests.interleaving.meeting import HONEST, LONGEST, everything
from tests.interleaving.operations import OPERATIONS
from tests.interleaving.situations import SITUATIONS, Situation
from vestnik.db import sql

THREADS, EACH = 6, 4
DEADLOCKS = """
SELECT deadlocks FROM pg_stat_database, pg_stat_clear_snapshot()
WHERE datname = current_database()
"""


class Storm:
    """Threads with their own connections, for many rounds."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS)
        self._marks = Marks()
        self._left = everything(self._marks)

    def __enter__(self) -> Self:
        self._left.__enter__()
        self._worker = Worker()
        return self

    def __exit__(self, *error: Any) -> None:
        for _ in range(THREADS):
            self._threads.submit(lambda: connection.close())
        self._threads.shutdown()
        self._worker.close()
        self._left.__exit__(*error)

    def round(self, chance: random.Random) -> list[str]:
        """Run operations on one mailing; return the faults."""
        situation = chance.choice([*SITUATIONS.values()]).made()
        departures.clear()
        self._marks.clear()
        there = [one.name for one in OPERATIONS.values() if situation.name in one.situations]
        names = [name for name in there if name != "record"]  # a flight can be recorded only once
        works = [
            self._threads.submit(self._run, situation, chance.choices(names, k=EACH))
            for _ in range(THREADS)
        ]
        faults = [fault for work in works for fault in work.result(THREADS * LONGEST)]
        return [f"{situation.name}: {fault}" for fault in [*faults, *self._checked(situation)]]

    def _run(self, situation: Situation, names: list[str]) -> list[str]:
        found = []
        for name in names:
            try:
                OPERATIONS[name].run(situation, self._worker)
            except HONEST:
                continue
            except Exception as error:
                state = getattr(error.__cause__, "sqlstate", "") or ""
                found.append(f"{name}: {type(error).__name__} {state}: {error}".split("\n")[0])
        return found

    def _checked(self, situation: Situation) -> list[str]:
        settling.settle(self._worker)
        if settling.resume(situation.mailing):
            settling.settle(self._worker)
        return list(Judge(situation, [], self._marks).faults())


def deadlocks() -> int:
    """Return the deadlocks that the server has detected so far, including repeated work."""
    return int(sql.value(DEADLOCKS))

"""One run: the first operation is stopped, the second runs completely, the first goes on."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from unittest.mock import patch

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connection, transaction

from tests.interleaving import settling
from tests.interleaving.checks import Done, Judge
from tests.interleaving.gateway import Worker, departures, recorder
from tests.interleaving.hook import Marks, Steps, follow, hooked
from tests.interleaving.operations import OPERATIONS
from tests.interleaving.situations import SITUATIONS, Situation
from vestnik.audience.clients import NumberTaken
from vestnik.db import sql
from vestnik.dispatch.reconcile import closing, unknown_messages
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.suppress import opt_out
from vestnik.mailings.models import StateConflict

#: Errors that tell the caller that the other operation was first.
HONEST = (StateConflict, ValidationError, NumberTaken, ObjectDoesNotExist)
LONGEST = 15.0
#: Seconds for which a running operation may hold a lock for which the other waits.
MOST_HELD = 1.0
#: Seconds between two checks whether the second waits for the first.
LOOK_AFTER = 0.004
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
#: Instead of a statement's number: the rows for whose lock the first waits within a statement.
HOLDS = {
    "its mailing": "SELECT FROM mailings_mailing FOR NO KEY UPDATE",
    "its batches": "SELECT FROM dispatch_batch FOR NO KEY UPDATE",
    "its messages": "SELECT FROM dispatch_message FOR NO KEY UPDATE",
    "its clients": "SELECT FROM audience_client FOR NO KEY UPDATE",
}


@dataclass(frozen=True)
class Meeting:
    """The two operations and the place of their meeting."""

    first: str
    second: str
    situation: str
    #: The number of the statement, or the rows that are held.
    stop: int | str
    #: The statement before which the second stops in its turn, until the first is done.
    then: int | None = None

    def __str__(self) -> str:
        where = f"statement {self.stop}" if isinstance(self.stop, int) else f"waits for {self.stop}"
        then = f" (statement {self.then})" if self.then else ""
        return f"{self.first} ({where}) × {self.second}{then}, {self.situation}"


@dataclass
class Result:
    """The result. `reached` is False if the first operation has fewer statements."""

    meeting: Meeting
    reached: bool = True
    stopped_at: str = ""
    faults: list[str] = field(default_factory=list)
    #: Whether the second had to wait for a lock of the first.
    waited: bool = False
    #: The most seconds that one waited for the other while that one was running, not stopped.
    held: float = 0.0


class Stage:
    """Two threads with connections of their own, a provider and a hook, for many runs."""

    def __init__(self) -> None:
        self._threads = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]
        self._marks = Marks()
        self._left = everything(self._marks)

    def __enter__(self) -> Self:
        self._left.__enter__()
        self._worker = Worker()
        self._pids = [thread.submit(_pid).result() for thread in self._threads]
        return self

    def __exit__(self, *error: Any) -> None:
        for thread in self._threads:
            thread.submit(lambda: connection.close()).result()
            thread.shutdown()
        self._worker.close()
        self._left.__exit__(*error)

    def statements(self, name: str, situation_name: str) -> int:
        """Return the number of statements of an undisturbed operation."""
        situation = SITUATIONS[situation_name].made()
        found = Steps()
        self._threads[0].submit(self._run, name, situation, found, []).result(LONGEST)
        return len(found.said)

    def run(self, meeting: Meeting) -> Result:
        """Run once, and again if a lock was held for long, which a busy machine may cause."""
        result = self._once(meeting)
        if result.held > MOST_HELD:
            again = self._once(meeting)
            result.faults += again.faults
            result.held = min(result.held, again.held)
        if result.held > MOST_HELD:
            result.faults.append(f"one waited {result.held:.1f} s for what the other held")
        return result

    def _once(self, meeting: Meeting) -> Result:
        situation = SITUATIONS[meeting.situation].made()
        departures.clear()
        self._marks.clear()
        done: list[Done] = []
        result = Result(meeting)
        steps = Steps(meeting.stop if isinstance(meeting.stop, int) else None)
        others = Steps(meeting.then)
        with _held(meeting.stop) as let_go:
            first = self._submit(0, meeting.first, situation, steps, done)
            blocked = self._wait(first, 0, steps)
            result.stopped_at = steps.stopped_at
            result.reached = steps.stopped.is_set() or blocked
            if result.reached:
                second = self._submit(1, meeting.second, situation, others, done)
                result.waited = self._wait(second, 1, others)
        let_go()
        gone_on = [time.monotonic()]
        steps.go_on()
        if others.stopped.is_set():
            self._wait(first, 0, Steps())
        gone_on.append(time.monotonic())
        others.go_on()
        result.faults = _errors(meeting.first, first)
        if result.reached:
            result.faults += _errors(meeting.second, second)
            result.held = max(others.waited_since(gone_on[0]), steps.waited_since(gone_on[1]))
            result.faults += self._checked(situation, done)
        return result

    def _checked(self, situation: Situation, done: list[Done]) -> list[str]:
        second_part = time.monotonic()
        try:
            settling.settle(self._worker)
            second_part = time.monotonic()
            if settling.resume(situation.mailing):
                settling.settle(self._worker)
        except settling.NeverSettles:
            return ["what is left is never done"]
        except Exception as error:
            return [f"what is left cannot be done: {type(error).__name__}: {error}"[:300]]
        check = Judge(situation, done, self._marks)
        check.second_part = second_part
        return list(check.faults())

    def _submit(
        self, thread: int, name: str, situation: Situation, steps: Steps, done: list[Done]
    ) -> "Future[None]":
        return self._threads[thread].submit(self._run, name, situation, steps, done)

    def _run(self, name: str, situation: Situation, steps: Steps, done: list[Done]) -> None:
        follow(steps)
        began = time.monotonic()
        try:
            OPERATIONS[name].run(situation, self._worker)
        except HONEST:
            return
        finally:
            follow(None)
        done.append(Done(name, began, time.monotonic()))

    def _wait(self, work: "Future[None]", thread: int, steps: Steps) -> bool:
        """Wait until it has ended or stopped, or return True if it waits for a lock."""
        work.add_done_callback(lambda _: steps.noticed.set())
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            if steps.noticed.wait(LOOK_AFTER):
                return False
            if sql.value(BLOCKED, [self._pids[thread]]):
                return True
        return True


def _errors(name: str, work: "Future[None]") -> list[str]:
    try:
        work.result(LONGEST)
    except TimeoutError:
        return [f"{name} does not end"]
    except Exception as error:
        state = getattr(error.__cause__, "sqlstate", "") or ""
        return [f"{name} failed: {type(error).__name__} {state}: {error}".split("\n")[0][:300]]
    return []


@contextmanager
def _held(stop: int | str) -> Iterator[Any]:
    """Hold locks on rows in another session, until they are released."""
    if isinstance(stop, int):
        yield lambda: None
        return
    transaction.set_autocommit(False)
    try:
        sql.rows(HOLDS[stop])
        yield transaction.rollback
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@contextmanager
def everything(marks: Marks) -> Iterator[None]:
    """Drop wake-ups, which changes no result, and make slices small, to meet between two of
    them."""
    nothing: Any = lambda *given, **named: None  # noqa: E731  (a stand-in)
    with (
        patch.object(wakeups, "publish", nothing),
        patch.object(unknown_messages, "BATCHES_AT_ONCE", 1),
        patch.object(closing, "BATCHES_AT_ONCE", 2),
        patch.object(opt_out, "NUMBERS_AT_ONCE", 2),
        recorder(),
        hooked(marks),
    ):
        yield


def _pid() -> int:
    connection.ensure_connection()
    pid: int = connection.connection.info.backend_pid
    return pid

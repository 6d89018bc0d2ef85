"""Stops a thread before its n-th statement, and records when flights are marked.

The hook wraps the one function of psycopg that all statements, commits and rollbacks pass, below
Django and below prepared statements. Only tests can set it.
"""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

LONGEST_STOP = 20.0
#: Statements that neither read, write nor lock, and calls that send nothing to the server.
LOCAL = ("_set_autocommit_gen", "_set_isolation_level_gen")
IDLE = ("SAVEPOINT", "RELEASE SAVEPOINT", "SET ", "RESET ")

_this_thread = threading.local()


class Steps:
    """The statements of an operation, which stops before number `stop_before`, counted from 1."""

    def __init__(self, stop_before: int | None = None) -> None:
        self.stop_before = stop_before
        self.said: list[str] = []
        self.stopped = threading.Event()
        #: Set when it has stopped; also set at its end, for a thread that waits for either.
        self.noticed = threading.Event()
        self._go_on = threading.Event()
        self._began = 0.0
        self._spans: list[tuple[float, float]] = []

    def go_on(self) -> None:
        self._go_on.set()

    def note(self, statement: str) -> None:
        """Called by the operation's thread before each statement."""
        self.said.append(statement)
        if len(self.said) == self.stop_before:
            self.stopped.set()
            self.noticed.set()
            if not self._go_on.wait(LONGEST_STOP):
                raise TimeoutError("nobody let the stopped operation go on")

        self._began = time.monotonic()

    def ended(self) -> None:
        """Called by the operation's thread after each statement."""
        self._spans.append((self._began, time.monotonic()))

    def waited_since(self, instant: float) -> float:
        """Return for how many seconds after `instant` the statement of that time went on."""
        return max(
            (end - instant for began, end in self._spans if began < instant < end), default=0
        )

    @property
    def stopped_at(self) -> str:
        """The statement before which it was stopped; empty if it was not."""
        return self.said[self.stop_before - 1] if self.stopped.is_set() and self.stop_before else ""


class Marks:
    """When the statements that marked each message's flights began."""

    def __init__(self) -> None:
        self._began: list[tuple[float, int]] = []

    def note(self, parameters: object) -> None:
        ids = parameters.get("next_ids") if isinstance(parameters, dict) else None
        if ids and ids != "{}":
            now = time.monotonic()
            self._began += [(now, int(id)) for id in str(ids).strip("{}").split(",")]

    def of(self, message_id: int, departed_at: float) -> float:
        """When the mark of that departure began."""
        found = [began for began, id in self._began if id == message_id and began <= departed_at]
        return max(found)

    def clear(self) -> None:
        self._began.clear()


@contextmanager
def steps(stop_before: int | None = None) -> Iterator[Steps]:
    """Follow this thread's statements during the block."""
    _this_thread.steps = found = Steps(stop_before)
    try:
        yield found
    finally:
        _this_thread.steps = None


def follow(found: Steps | None) -> None:
    """Follow this thread's statements from now on; None ends it."""
    _this_thread.steps = found


@contextmanager
def hooked(marks: Marks) -> Iterator[None]:
    """Install the hook for all statements of this process during the block."""
    original = psycopg.Connection.wait

    def wait(self: Any, generator: Generator[Any, Any, Any], *more: Any, **named: Any) -> Any:
        name, known = generator.gi_code.co_name, generator.gi_frame.f_locals
        marks.note(known.get("params"))
        found: Steps | None = getattr(_this_thread, "steps", None)
        shown = _shown(name, known.get("query"))
        if found is None or name in LOCAL or shown.startswith(IDLE):
            return original(self, generator, *more, **named)
        found.note(shown)
        try:
            return original(self, generator, *more, **named)
        finally:
            found.ended()

    psycopg.Connection.wait = wait  # type: ignore[method-assign]  # for a while
    try:
        yield
    finally:
        psycopg.Connection.wait = original  # type: ignore[method-assign]  # as it was


def _shown(name: str, query: object) -> str:
    return " ".join(str(query).split()) if query else name.removeprefix("_").removesuffix("_gen")

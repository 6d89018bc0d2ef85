"""A process of the stack: what it runs, when it is started again, how it is stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from vestnik.stack.processes import exec_helper, linux

DELAYS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0)
SETTLED_AFTER = 3.0


class Stage(IntEnum):
    """What is stopped together; the higher stage first, as it stands on the lower."""

    SERVER = 0
    SERVICE = 1


@dataclass(frozen=True)
class Program:
    """What to run, and as whom."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    stage: Stage = Stage.SERVICE
    folder: Path | None = None
    uid: int = -1
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    #: Of a `vestnik` command that the fork server may run instead.
    words: Sequence[str] = ()

    def command(self) -> list[str]:
        """The command line, through `launch`."""
        who = [str(os.getpid()), str(int(self.death_signal)), str(self.uid)]
        return [sys.executable, "-I", "-S", exec_helper.__file__, *who, *self.argv]

    def spawn(self, *, output: int, keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start it, in a session of its own: a terminal's Ctrl-C is for the supervisor alone."""
        return subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.folder,
            env=dict(self.environ),
            pass_fds=keep,
            start_new_session=True,
        )


class Adopted:
    """A process that another one forked for us and that has fallen to us: what Popen offers."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it lives."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return None  # its first parent has not ended yet
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, if it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)


@dataclass
class Process:
    """One program under supervision, over its successive lives."""

    program: Program
    lasting: bool = True
    running: "subprocess.Popen[bytes] | Adopted | None" = None
    ready_at: float | None = None
    due_at: float | None = None
    short_lives: int = 0
    status: int = 0
    #: Of all its lives: their children have them as sessions.
    pids: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        return self.running.pid if self.running else None

    def settled(self) -> bool:
        """Whether it has been ready for long enough to forget its earlier short lives."""
        return self.ready_at is not None and time.monotonic() - self.ready_at > SETTLED_AFTER

    def bury(self) -> bool:
        """Whether it has ended since we last asked; if so, decide when it lives again."""
        if self.running is None or (status := self.running.poll()) is None:
            return False
        self.status = status
        self.short_lives = 0 if self.settled() else self.short_lives + 1
        self.running = self.ready_at = None
        self.due_at = time.monotonic() + self.delay() if self.lasting else None
        return True

    def live(self, running: "subprocess.Popen[bytes] | Adopted") -> None:
        """Note the process that runs from now on."""
        self.running = running
        self.pids.add(running.pid)

    def owns(self, pid: int) -> bool:
        """Whether a process was started by one of its lives: by its session, or by its folder,
        where it has made itself a session of its own, as PostgreSQL's do."""
        folder = self.program.folder
        by_folder = folder is not None and linux.working_folder(pid) == folder
        return by_folder or linux.session(pid) in self.pids

    def note_failed_start(self) -> None:
        """It could not be started for now, which counts as a short life."""
        self.short_lives += 1
        self.running = self.ready_at = None
        self.due_at = time.monotonic() + self.delay()

    def delay(self) -> float:
        """How long to wait before the next life: the more short ones, the longer."""
        return DELAYS[min(self.short_lives, len(DELAYS) - 1)]

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it lives."""
        if self.running and self.running.poll() is None:
            self.running.send_signal(number)

    def kill(self) -> None:
        """Kill it and whatever is still in its process group."""
        if self.running and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """How it ended, for people."""
        if self.status >= 0:
            return f"exit status {self.status}"
        return f"killed by {signal.Signals(-self.status).name}"


def plain_environ() -> dict[str, str]:
    """The environment of a server: nothing is left in it that was meant for another one."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

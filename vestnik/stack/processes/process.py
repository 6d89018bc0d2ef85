"""A process of the stack: its program, restarts and signals."""

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

#: Seconds before a restart, by the number of short runs before it.
RESTART_DELAYS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0)
#: Seconds of readiness after which a run is not short.
STABLE_AFTER = 3.0


class Stage(IntEnum):
    """Processes that stop together. The higher stage stops first, since it uses the lower one."""

    SERVER = 0
    SERVICE = 1


@dataclass(frozen=True)
class Program:
    """A program with its arguments, environment and account."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    stage: Stage = Stage.SERVICE
    folder: Path | None = None
    uid: int = -1
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    #: The arguments of a `vestnik` command that the fork server may run instead.
    arguments: Sequence[str] = ()

    def command(self) -> list[str]:
        """Return the command line, through `exec_helper`."""
        who = [str(os.getpid()), str(int(self.death_signal)), str(self.uid)]
        return [sys.executable, "-I", "-S", exec_helper.__file__, *who, *self.argv]

    def spawn(self, *, output: int, keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start the program in a new session: only the supervisor gets a terminal's Ctrl-C."""
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


class AdoptedChild:
    """A child that another process forked; it has the interface of Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return None  # its first parent has not ended yet
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal if the process runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


@dataclass
class Process:
    """A supervised program, over its restarts."""

    program: Program
    restarts: bool = True
    child: "subprocess.Popen[bytes] | AdoptedChild | None" = None
    ready_at: float | None = None
    restart_at: float | None = None
    short_runs: int = 0
    status: int = 0
    #: The ids of all its runs: their children have them as session ids.
    pids: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child else None

    def is_stable(self) -> bool:
        """Return whether it was ready long enough to reset the count of short runs."""
        return self.ready_at is not None and time.monotonic() - self.ready_at > STABLE_AFTER

    def reap(self) -> bool:
        """Return whether it has ended since the last call; if so, set the time of its restart."""
        if self.child is None or (status := self.child.poll()) is None:
            return False
        self.status = status
        self.short_runs = 0 if self.is_stable() else self.short_runs + 1
        self.child = self.ready_at = None
        self.restart_at = time.monotonic() + self.restart_delay() if self.restarts else None
        return True

    def note_started(self, child: "subprocess.Popen[bytes] | AdoptedChild") -> None:
        """Record the process that runs now."""
        self.child = child
        self.pids.add(child.pid)

    def owns(self, pid: int) -> bool:
        """Return whether one of its runs started this process: by session id, or by working folder
        for processes that created a session, as PostgreSQL's do."""
        folder = self.program.folder
        by_folder = folder is not None and linux.working_folder(pid) == folder
        return by_folder or linux.session(pid) in self.pids

    def note_failed_start(self) -> None:
        """Record a failed start, which counts as a short run."""
        self.short_runs += 1
        self.child = self.ready_at = None
        self.restart_at = time.monotonic() + self.restart_delay()

    def restart_delay(self) -> float:
        """Return the seconds before the next start; they grow with the number of short runs."""
        return RESTART_DELAYS[min(self.short_runs, len(RESTART_DELAYS) - 1)]

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process runs."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)

    def kill(self) -> None:
        """Kill its process group."""
        if self.child and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)

    def exit_text(self) -> str:
        """Describe how it ended."""
        if self.status >= 0:
            return f"exit status {self.status}"
        return f"killed by {signal.Signals(-self.status).name}"


def plain_environ() -> dict[str, str]:
    """Return a minimal environment for a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

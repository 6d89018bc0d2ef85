"""Starts processes, restarts those that end, and stops all of them in order.

Everything runs in the main thread: the kernel sends the signal at a parent's death when the thread
that forked ends.
"""

import contextlib
import math
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from types import FrameType

from vestnik import readiness
from vestnik.stack.console import Console
from vestnik.stack.errors import Interrupted, StackError
from vestnik.stack.processes import linux
from vestnik.stack.processes.forkserver import SOCKET, ForkClient, confirmation
from vestnik.stack.processes.process import AdoptedChild, Process, Program, Stage

# The stop takes ten seconds at most: for each stage GRACE, then QUICK_END after a SIGQUIT, then
# KILLED_END after a SIGKILL; then DRAINED_END for the remaining output.
GRACE = {Stage.SERVICE: 3.5, Stage.SERVER: 3.5}
QUICK_END = 0.5
KILLED_END = 0.3
DRAINED_END = 0.5
#: Seconds between two checks without an event: GNU make, whose end is no event.
POLL_SECONDS = 0.5
#: Seconds until a slow start is reported; doubled after each report.
REPORT_AFTER = 10.0
#: Starts of a service that does not get ready.
MAX_STARTS = 2
FORK_SERVER = "forkserver"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedEarly(Exception):
    """A process ended before it was ready."""

    def __init__(self, process: Process) -> None:
        self.process = process
        super().__init__(f"{process.name} ended before it was ready ({process.exit_text()})")


class Supervisor:
    """The processes by name, in their order of start."""

    def __init__(self, console: Console, *, on_change: Callable[[], None]) -> None:
        self.console, self.on_change = console, on_change
        self.processes: dict[str, Process] = {}
        self.is_wanted = True
        self._announced, self._announcing = os.pipe()
        self._woken, self._waking = socket.socketpair()
        self._forks = ForkClient()
        self._make = linux.parent_named("make", "gmake")
        for end in (self._woken, self._waking):
            end.setblocking(False)

    def close(self) -> None:
        """Close the descriptors of a supervisor that is no longer used."""
        for end in (self._woken, self._waking, self._forks.ours, self._forks.theirs):
            end.close()
        for descriptor in (self._announced, self._announcing):
            os.close(descriptor)

    def install_signal_handlers(self) -> None:
        """Handle signals and adopt the orphans of killed processes."""
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _on_child_end)
        for number in STOP_SIGNALS:
            # nohup has set SIGHUP to be ignored, and it stays so.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.request_stop)
        linux.adopt_orphans()

    def request_stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Request the end of all processes."""
        self.is_wanted = False

    def start(self, program: Program, *, lasting: bool = True) -> Process:
        """Start a process; a `lasting` one is started again whenever it ends."""
        process = self.processes[program.name] = Process(program, restarts=lasting)
        self._start_or_retry(process)
        return process

    def wait_ready(self, process: Process, is_ready: Callable[[], bool], work: str) -> None:
        """Wait until a server is ready; from then on it is restarted when it ends. Raises
        EndedEarly.

        There is no time limit: a server that is killed during its recovery would begin it again.
        """
        self._wait(lambda: process.child is None or is_ready(), process.name, work=work)
        if process.child is None:
            raise EndedEarly(process)
        process.ready_at, process.restarts = time.monotonic(), True

    def wait_or_do_without(
        self, process: Process, is_ready: Callable[[], bool], seconds: float
    ) -> None:
        """Wait for an optional process. Raises EndedEarly.

        One that does not get ready in time is killed, and restarted while the others start.
        """
        deadline = time.monotonic() + seconds
        self._wait(
            lambda: process.child is None or is_ready() or time.monotonic() > deadline,
            process.name,
        )
        if process.child is None:
            raise EndedEarly(process)
        process.restarts = True
        if not is_ready():
            self.console.say(f"{process.name} is not ready: the other processes start without it")
            process.kill()

    def wait_done(self, process: Process, work: str) -> None:
        """Wait until a process has ended, without a time limit. Raises EndedEarly."""
        self._wait(lambda: process.child is None, process.name, work=work)
        del self.processes[process.name]
        if process.status != 0:
            raise EndedEarly(process)

    def wait_for_services(self, seconds: float) -> None:
        """Wait until every service has announced itself.

        Raises EndedEarly for a service that ends repeatedly before that.
        """
        services = [p for p in self.processes.values() if p.program.stage is Stage.SERVICE]
        hopeless = (p for p in services if p.short_runs >= MAX_STARTS)
        self._wait(
            lambda: all(p.ready_at or p.short_runs >= MAX_STARTS for p in services),
            "the services",
            seconds,
        )
        for process in hopeless:
            raise EndedEarly(process)

    def watch(self) -> None:
        """Restart processes until a stop is requested."""
        while self.is_wanted:
            self.run_once(POLL_SECONDS)

    def run_once(self, seconds: float) -> None:
        """Wait for an event, with a time limit, and handle it."""
        dues = [p.restart_at for p in self.processes.values() if p.restart_at is not None]
        wait = min([seconds, *(due - time.monotonic() for due in dues)])
        woken = self._woken.fileno()
        awake, _, _ = select.select([woken, self._announced], [], [], max(wait, 0))
        if woken in awake:
            self._woken.recv(4096)
        if self._announced in awake:
            self._note_ready(os.read(self._announced, 4096).decode().split())
        if self._make and linux.has_lost_make(self._make):
            self.request_stop()
        self._reap()
        self._restart_due()

    def stop(self) -> None:
        """Stop all processes, services before servers."""
        self.is_wanted = False
        for stage in sorted(Stage, reverse=True):
            group = [p for p in self.processes.values() if p.program.stage is stage]
            self._end(group, GRACE[stage])
        self._kill_orphans()
        for name in self.processes:
            self.console.drain(name, DRAINED_END / len(self.processes))

    def _wait(
        self, done: Callable[[], bool], what: str, seconds: float = math.inf, work: str = ""
    ) -> None:
        began = time.monotonic()
        told = REPORT_AFTER
        while not done():
            if not self.is_wanted:
                raise Interrupted
            passed = time.monotonic() - began
            if passed > seconds:
                raise StackError(f"{what} did not get ready within {seconds:.0f} s: see above")
            if work and passed > told:
                self.console.say(f"{what} is not ready after {passed:.0f} s: {work}")
                told *= 2
            self.run_once(0.05)

    def _start_or_retry(self, process: Process) -> None:
        """Start a process; a lasting one that cannot start is tried again, like one that ended.

        It cannot start if no descriptor, memory or process is left.
        """
        try:
            self._start_child(process)
        except (OSError, RuntimeError) as error:  # a thread that cannot start is a RuntimeError
            if not process.restarts:
                raise
            process.note_failed_start()
            delay = process.restart_delay()
            self.console.say(f"{process.name} cannot be started ({error}); again in {delay:.1f} s")
        self.on_change()

    def _start_child(self, process: Process) -> None:
        output = self.console.attach(process.name)
        process.restart_at = None
        if process.restarts and process.program.stage is Stage.SERVER:
            process.ready_at = time.monotonic()  # a server announces nothing
        try:
            process.note_started(
                self._fork(process.program, output) or self._spawn(process, output)
            )
        finally:
            os.close(output)

    def _spawn(self, process: Process, output: int) -> subprocess.Popen[bytes]:
        keep = [self._announcing]
        if process.name == FORK_SERVER:
            self._forks.reset()
            keep.append(self._forks.theirs.fileno())
        return process.program.spawn(output=output, keep=keep)

    def _fork(self, program: Program, output: int) -> AdoptedChild | None:
        """Start a program by the fork server; None if there is none or it does not answer."""
        server = self.processes.get(FORK_SERVER)
        if not program.arguments or server is None or server.ready_at is None:
            return None
        environ = self.environ_for(program.name)
        with confirmation() as pipe:
            try:
                return AdoptedChild(self._forks.fork(program.arguments, environ, output, pipe))
            except (OSError, ValueError) as error:
                self.console.say(f"{FORK_SERVER}: {error or type(error).__name__}; restarting it")
                server.kill()
                return None

    def environ_for(self, name: str) -> dict[str, str]:
        """Return the variables by which a process reports its readiness."""
        environ = {readiness.DESCRIPTOR: str(self._announcing), readiness.NAME: name}
        return environ | ({SOCKET: str(self._forks.theirs.fileno())} if name == FORK_SERVER else {})

    def _note_ready(self, names: Iterable[str]) -> None:
        for name in names:
            if (process := self.processes.get(name)) and process.child:
                process.ready_at = process.ready_at or time.monotonic()
        self.on_change()

    def _reap(self) -> None:
        ended = [process for process in self.processes.values() if process.reap()]
        for process in ended:
            if process.restart_at is not None:
                wait = max(process.restart_at - time.monotonic(), 0)
                self.console.say(
                    f"{process.name} ended ({process.exit_text()}); again in {wait:.1f} s"
                )
        if ended:
            self._kill_orphans()
            self.on_change()

    def _restart_due(self) -> None:
        now = time.monotonic()
        for process in self.processes.values():
            if self.is_wanted and process.restart_at is not None and process.restart_at <= now:
                self._start_or_retry(process)

    def _kill_orphans(self) -> None:
        """Kill the adopted children of killed processes.

        As process 1 the supervisor adopts other processes as well. They are left running, and
        waited for once they have ended.
        """
        known = {process.pid for process in self.processes.values()}
        for pid in linux.children() - known:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                if any(process.owns(pid) for process in self.processes.values()):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                else:
                    os.waitpid(pid, os.WNOHANG)

    def _end(self, group: list[Process], grace: float) -> None:
        for process in group:
            process.restarts, process.restart_at = False, None
            process.send(process.program.stop_signal)
        self._await_end(group, grace)
        for process in group:
            # PostgreSQL stops at once and recovers from its write-ahead log. Others just end.
            process.send(signal.SIGQUIT)
        self._await_end(group, QUICK_END)
        for process in group:
            process.kill()
        self._await_end(group, KILLED_END)

    def _await_end(self, group: list[Process], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(p.child for p in group) and time.monotonic() < deadline:
            self.run_once(0.05)

    def pids(self) -> dict[str, int]:
        """Return the ids of the running processes by name."""
        return {p.name: p.pid for p in self.processes.values() if p.pid is not None}

    def ready(self) -> list[str]:
        """Return the names of the ready processes."""
        return [p.name for p in self.processes.values() if p.ready_at is not None]


def _on_child_end(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the wake-up descriptor has woken the loop already."""

"""Starts processes, starts again what dies, and stops everything in order.

All of it in one thread, the main one: the kernel's signal at a parent's death is tied to the very
thread that forked.
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
from vestnik.stack.processes.process import Adopted, Process, Program, Stage

# Ten seconds is the promise. What a stage leaves is there for the next.
GRACE = {Stage.SERVICE: 3.5, Stage.SERVER: 3.5}
QUICK_END = 0.5
KILLED_END = 0.3
DRAINED_END = 0.5
TURN = 0.5
SAID_AFTER = 10.0  # seconds for which a server may start without a word; then twice as long
CHANCES = 2  # of a service to get ready, at the start
FORK_SERVER = "forkserver"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedEarly(Exception):
    """A process ended before it was ready."""

    def __init__(self, process: Process) -> None:
        self.process = process
        super().__init__(f"{process.name} ended before it was ready ({process.last_words()})")


class Supervisor:
    """The processes, by name, in their order of start."""

    def __init__(self, console: Console, *, on_change: Callable[[], None]) -> None:
        self.console, self.on_change = console, on_change
        self.processes: dict[str, Process] = {}
        self.wanted = True
        self._announced, self._announcing = os.pipe()
        self._woken, self._waking = socket.socketpair()
        self._forks = ForkClient()
        self._make = linux.parent_named("make", "gmake")
        for end in (self._woken, self._waking):
            end.setblocking(False)

    def take_charge(self) -> None:
        """Take the signals, and the orphans of killed processes."""
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _notice)
        for number in STOP_SIGNALS:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.dismiss)  # under nohup a hang-up stays without effect
        linux.adopt_orphans()

    def dismiss(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Ask for the end of everything."""
        self.wanted = False

    def start(self, program: Program, *, lasting: bool = True) -> Process:
        """Start a process; a lasting one is started again whenever it ends."""
        process = self.processes[program.name] = Process(program, lasting=lasting)
        self._bring_to_life(process)
        return process

    def wait_ready(self, process: Process, is_ready: Callable[[], bool], work: str) -> None:
        """Wait until a server is ready; from then on it lasts. Raises EndedEarly.

        However long its work takes: ended in the middle of it, it would begin anew.
        """
        self._wait(lambda: process.running is None or is_ready(), process.name, work=work)
        if process.running is None:
            raise EndedEarly(process)
        process.ready_at, process.lasting = time.monotonic(), True

    def wait_or_do_without(
        self, process: Process, is_ready: Callable[[], bool], seconds: float
    ) -> None:
        """Wait for one that only saves memory; where it does not get ready it is ended, and started
        again beside the others. Raises EndedEarly."""
        deadline = time.monotonic() + seconds
        self._wait(
            lambda: process.running is None or is_ready() or time.monotonic() > deadline,
            process.name,
        )
        if process.running is None:
            raise EndedEarly(process)
        process.lasting = True
        if not is_ready():
            self.console.say(f"{process.name} does not get ready: the others start without it")
            process.kill()

    def wait_done(self, process: Process, work: str) -> None:
        """Wait until a process has done its work, however long that takes. Raises EndedEarly."""
        self._wait(lambda: process.running is None, process.name, work=work)
        del self.processes[process.name]
        if process.status != 0:
            raise EndedEarly(process)

    def wait_for_services(self, seconds: float) -> None:
        """Wait until every service has announced itself.

        Raises EndedEarly for one that ends again and again before that.
        """
        services = [p for p in self.processes.values() if p.program.stage is Stage.SERVICE]
        hopeless = (p for p in services if p.short_lives >= CHANCES)
        self._wait(
            lambda: all(p.ready_at or p.short_lives >= CHANCES for p in services),
            "the services",
            seconds,
        )
        for process in hopeless:
            raise EndedEarly(process)

    def watch(self) -> None:
        """Keep everything alive until somebody asks for the end."""
        while self.wanted:
            self.turn(TURN)

    def turn(self, seconds: float) -> None:
        """Wait for something to happen, for so long at most, and see to it."""
        dues = [p.due_at for p in self.processes.values() if p.due_at is not None]
        wait = min([seconds, *(due - time.monotonic() for due in dues)])
        woken = self._woken.fileno()
        awake, _, _ = select.select([woken, self._announced], [], [], max(wait, 0))
        if woken in awake:
            self._woken.recv(4096)
        if self._announced in awake:
            self._note_ready(os.read(self._announced, 4096).decode().split())
        if self._make and linux.forsaken_by_make(self._make):
            self.dismiss()
        self._bury()
        self._revive()

    def stop(self) -> None:
        """End everything, the services before the servers under them."""
        self.wanted = False
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
        told = SAID_AFTER
        while not done():
            if not self.wanted:
                raise Interrupted
            passed = time.monotonic() - began
            if passed > seconds:
                raise StackError(f"{what} did not get ready within {seconds:.0f} s: see above")
            if work and passed > told:
                self.console.say(f"{what} is not ready after {passed:.0f} s: {work}")
                told *= 2
            self.turn(0.05)

    def _bring_to_life(self, process: Process) -> None:
        """Start it. A lasting one that cannot be started for now (no descriptor, no memory, no
        process is left) is tried again, as one that ended at once."""
        try:
            self._start_now(process)
        except (OSError, RuntimeError) as error:  # a thread that cannot start is a RuntimeError
            if not process.lasting:
                raise
            process.note_failed_start()
            self.console.say(
                f"{process.name} cannot be started ({error}); again in {process.delay():.1f} s"
            )
        self.on_change()

    def _start_now(self, process: Process) -> None:
        output = self.console.attach(process.name)
        process.due_at = None
        if process.lasting and process.program.stage is Stage.SERVER:
            process.ready_at = time.monotonic()  # a server announces nothing
        try:
            process.live(self._fork(process.program, output) or self._spawn(process, output))
        finally:
            os.close(output)

    def _spawn(self, process: Process, output: int) -> subprocess.Popen[bytes]:
        keep = [self._announcing]
        if process.name == FORK_SERVER:
            self._forks.reset()
            keep.append(self._forks.theirs.fileno())
        return process.program.spawn(output=output, keep=keep)

    def _fork(self, program: Program, output: int) -> Adopted | None:
        """Have the fork server start it; None where there is none, or it does not answer."""
        server = self.processes.get(FORK_SERVER)
        if not program.words or server is None or server.ready_at is None:
            return None
        environ = self.environ_for(program.name)
        with confirmation() as pipe:
            try:
                return Adopted(self._forks.fork(program.words, environ, output, pipe))
            except (OSError, ValueError) as error:
                self.console.say(f"{FORK_SERVER}: {error or type(error).__name__}; it is ended")
                server.kill()
                return None

    def environ_for(self, name: str) -> dict[str, str]:
        """What a process needs in its environment to announce itself."""
        environ = {readiness.DESCRIPTOR: str(self._announcing), readiness.NAME: name}
        return environ | ({SOCKET: str(self._forks.theirs.fileno())} if name == FORK_SERVER else {})

    def _note_ready(self, names: Iterable[str]) -> None:
        for name in names:
            if (process := self.processes.get(name)) and process.running:
                process.ready_at = process.ready_at or time.monotonic()
        self.on_change()

    def _bury(self) -> None:
        ended = [process for process in self.processes.values() if process.bury()]
        for process in ended:
            if process.due_at is not None:
                wait = max(process.due_at - time.monotonic(), 0)
                self.console.say(
                    f"{process.name} ended ({process.last_words()}); again in {wait:.1f} s"
                )
        if ended:
            self._kill_orphans()
            self.on_change()

    def _revive(self) -> None:
        now = time.monotonic()
        for process in self.processes.values():
            if self.wanted and process.due_at is not None and process.due_at <= now:
                self._bring_to_life(process)

    def _kill_orphans(self) -> None:
        """End what a killed process left: its own children, which have fallen to us.

        Others fall to us as well, where we are process 1, and some were there before us: they are
        left alone, and waited for once they have ended.
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
            process.lasting, process.due_at = False, None
            process.send(process.program.stop_signal)
        self._await_end(group, grace)
        for process in group:
            # To PostgreSQL: stop at once, the write-ahead log has it all. Others just end.
            process.send(signal.SIGQUIT)
        self._await_end(group, QUICK_END)
        for process in group:
            process.kill()
        self._await_end(group, KILLED_END)

    def _await_end(self, group: list[Process], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(p.running for p in group) and time.monotonic() < deadline:
            self.turn(0.05)

    def pids(self) -> dict[str, int]:
        """Who lives now."""
        return {p.name: p.pid for p in self.processes.values() if p.pid is not None}

    def ready(self) -> list[str]:
        """Who does its work now."""
        return [p.name for p in self.processes.values() if p.ready_at is not None]


def _notice(_number: int, _frame: FrameType | None) -> None:
    """A child has ended: the wake-up descriptor has told the loop already."""

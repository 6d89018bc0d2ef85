"""One console for all processes: each line has the name of its process in front.

A thread for each pipe reads and writes large chunks, so a provider that prints 50,000 lines a
second costs a few percent of a core. If our own output is blocked, the pipe fills and the process
waits: no line is dropped.
"""

import contextlib
import fcntl
import os
import select
import threading
import time
from collections.abc import Callable

#: Bytes read at once, and requested as the size of a pipe.
CHUNK = 1 << 18
#: Bytes after which a line without an end is printed in pieces.
LONGEST_LINE = 1 << 16
#: Bytes of a process's output kept to explain its end.
REMEMBERED = 4096
#: Characters of a process's name before its lines.
WIDTH = 9
OWN = "vestnik"
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
RESET = "\x1b[0m"


class Console:
    """Print the lines of all processes."""

    def __init__(self, out: int, *, colour: bool, on_loss: Callable[[], None]) -> None:
        self.out, self.colour, self.on_loss = out, colour, on_loss
        self.lost = False
        self._writing = threading.Lock()
        self._carriers: dict[str, threading.Thread] = {}
        self._tails: dict[str, bytes] = {}
        self._own = self.attach(OWN)

    def say(self, text: str) -> None:
        """Print a line of the supervisor, through a pipe: it must never wait for a reader."""
        os.write(self._own, f"{text}\n".encode())

    def close(self, seconds: float) -> None:
        """Write the remaining output, within the time limit."""
        deadline = time.monotonic() + seconds
        os.close(self._own)
        for carrier in self._carriers.values():
            carrier.join(max(deadline - time.monotonic(), 0))

    def attach(self, name: str) -> int:
        """Return a descriptor for a process to write to. Close it once the process has it."""
        reading, writing = os.pipe()
        with contextlib.suppress(OSError):  # the user's pipes may be too large already
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, CHUNK)
        carrier = threading.Thread(target=self._carry, args=(name, reading), daemon=True)
        try:
            carrier.start()
        except RuntimeError:  # no thread could start: a retry must not leak a pipe each time
            os.close(reading)
            os.close(writing)
            raise
        self._carriers[name] = carrier
        return writing

    def tail(self, name: str) -> list[str]:
        """Return the last lines of an ended process."""
        self.drain(name, 1.0)
        text = self._tails.get(name, b"").decode(errors="replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def drain(self, name: str, seconds: float) -> None:
        """Wait until the output of an ended process is written."""
        if carrier := self._carriers.get(name):
            carrier.join(seconds)

    def _carry(self, name: str, pipe: int) -> None:
        prefix = self._prefix(name)
        rest = b""
        while chunk := os.read(pipe, CHUNK):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                self._emit(name, prefix, lines)
            if len(rest) > LONGEST_LINE:
                self._emit(name, prefix, rest)
                rest = b""
        if rest:
            self._emit(name, prefix, rest)
        os.close(pipe)

    def _emit(self, name: str, prefix: bytes, lines: bytes) -> None:
        self._tails[name] = (self._tails.get(name, b"") + lines[-REMEMBERED:] + b"\n")[-REMEMBERED:]
        self._write(self._under(prefix, lines))

    def _under(self, prefix: bytes, lines: bytes) -> bytes:
        return prefix + lines.replace(b"\n", b"\n" + prefix) + b"\n"

    def _prefix(self, name: str) -> bytes:
        label = f"{name:<{WIDTH}}| "
        if self.colour:
            label = f"\x1b[{COLOURS[sum(name.encode()) % len(COLOURS)]}m{label}{RESET}"
        return label.encode()

    def _write(self, block: bytes) -> None:
        with self._writing:
            if self.lost:
                return
            try:
                write_all(self.out, block)
            except OSError:  # the terminal or the pipe's reader is gone
                self.lost = True
                self.on_loss()


def write_all(out: int, block: bytes) -> None:
    """Write every byte, to a non-blocking descriptor as well."""
    view = memoryview(block)
    while view:
        try:
            view = view[os.write(out, view) :]
        except BlockingIOError:
            select.select([], [out], [])

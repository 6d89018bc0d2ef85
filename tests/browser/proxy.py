"""A TCP proxy between a browser and the stack, which does what networks do: delay, stop, die."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

CHUNK = 65_536
#: Closed so, the other side is told by a reset and not by an end.
WITH_RESET = struct.pack("ii", 1, 0)


class Line:
    """One connection of the browser, and ours to the stack for it."""

    def __init__(self, proxy: "Proxy", browser: socket.socket) -> None:
        self.proxy, self.browser = proxy, browser
        self.is_dead = False
        self.stack = socket.create_connection(("127.0.0.1", proxy.target), 10)
        self.stack.settimeout(None)
        for source, sink in ((browser, self.stack), (self.stack, browser)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self.proxy.delayed.wait(self.proxy.delay)
                self.proxy.flows.wait()
                if not self.is_dead:
                    sink.sendall(data)
        if not self.is_dead:
            self.close()

    def close(self, *, reset: bool = False) -> None:
        for end in (self.browser, self.stack):
            with suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, WITH_RESET)
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Passes everything on until it is told otherwise; `heal` makes it so again."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.lines: list[Line] = []
        self.delay = 0.0
        self.delayed, self.flows = threading.Event(), threading.Event()
        self.flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.heal()
        self.drop()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                try:
                    self.lines.append(self.connect(browser))
                except OSError:
                    browser.close()  # the stack is away

    def connect(self, browser: socket.socket) -> Line:
        return Line(self, browser)

    def drop(self) -> None:
        """Every connection ends with a reset."""
        lines, self.lines = self.lines, []
        for line in lines:
            line.close(reset=True)

    def bury(self) -> None:
        """No connection that there is passes anything on any more, and nobody is told; those that
        are opened from now on do."""
        for line in self.lines:
            line.is_dead = True

    def freeze(self) -> None:
        """Nothing is passed on, and connections are still taken."""
        self.flows.clear()

    def slow(self, seconds: float) -> None:
        """Whatever is passed on comes so much later."""
        self.delay = seconds

    def heal(self) -> None:
        """As a good network."""
        self.delay = 0.0
        self.flows.set()

    @property
    def open(self) -> int:
        """How many connections of the browser are open."""
        return sum(line.browser.fileno() >= 0 for line in self.lines)

"""A proxy that knows which POSTs the stack has not answered yet.

At a second click a browser gives its first request up, and the stack serves it all the same. Only
the stack's side of the connection shows when that is done.
"""

import select
import socket
import threading
from contextlib import suppress

from tests.browser.proxy import CHUNK, Line, Proxy

#: Seconds for an answer that nobody waits for.
LONGEST = 60.0


class PostLine(Line):
    """One connection; it stays open to the stack until a POST on it is answered."""

    def __init__(self, proxy: "PostProxy", browser: socket.socket) -> None:
        self.answered = threading.Event()
        self.answered.set()
        self.browser = browser
        proxy.post_lines.append(self)  # before anything comes through it
        super().__init__(proxy, browser)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        is_browser = source is self.browser
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if not is_browser:
                    self.answered.set()  # its first bytes come once the view is done
                elif data.startswith(b"POST "):
                    self.answered.clear()
                sink.sendall(data)
        if is_browser:
            self.answered.wait(LONGEST)
        self.answered.set()
        self.close()


class PostProxy(Proxy):
    """Passes everything on."""

    def __init__(self, target: int) -> None:
        self.post_lines: list[PostLine] = []
        super().__init__(target)

    def connect(self, browser: socket.socket) -> Line:
        return PostLine(self, browser)

    @property
    def is_idle(self) -> bool:
        """Whether the stack has answered every POST that a browser has sent."""
        sources = [line.browser for line in self.post_lines if line.browser.fileno() >= 0]
        try:
            unread, _, _ = select.select([self._listener, *sources], [], [], 0)
        except (OSError, ValueError):  # one is just being closed
            return False
        return not unread and all(line.answered.is_set() for line in self.post_lines)

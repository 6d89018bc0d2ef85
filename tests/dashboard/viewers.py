"""Those who watch a page of a running stack: a session each, and a socket that is read."""

import contextlib
import http.client
import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

from tests.stack.running import RunningStack

EVENTS = "text/event-stream"


def log_in(stack: RunningStack, name: str = "admin") -> str:
    """The cookies of the account that a new stack comes with."""
    kept = (stack.home / "credentials").read_text().splitlines()
    password = dict(line.split("=", 1) for line in kept)["password"]
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{stack.address}/login/", timeout=30).close()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token}
    request = urllib.request.Request(  # noqa: S310  (our own address)
        f"{stack.address}/login/",
        data=urlencode(form).encode(),
        headers={"Referer": f"{stack.address}/login/"},
    )
    opener.open(request, timeout=30).close()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def ask(stack: RunningStack, path: str, cookies: str = "", accept: str = "application/json") -> Any:
    """One answer: its status, its headers, its text."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Cookie": cookies, "Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


class Viewer:
    """Somebody who listens. `events` are what came, each with when the server looked, by the
    database's clock."""

    def __init__(self, stack: RunningStack, path: str, cookies: str, last_id: str = "") -> None:
        self.events: list[tuple[float, dict[str, str]]] = []
        self.beats = 0
        self.last_id = last_id
        self.ended_at: float | None = None
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
        headers = {"Cookie": cookies, "Accept": EVENTS, "Accept-Language": "en"}
        headers |= {"Last-Event-ID": last_id} if last_id else {}
        self.connection.request("GET", path, headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self._reading = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self._reading.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, AttributeError, ValueError):
            while line := self.answer.readline():
                if line.startswith(b"data: "):
                    self.events.append((float(self.last_id), json.loads(line[6:])))
                if line.startswith(b"id: "):
                    self.last_id = line[4:].strip().decode()
                self.beats += line.startswith(b"event: beat")
        self.ended_at = time.monotonic()

    @property
    def settled(self) -> list[int]:
        """How many messages each event said were settled."""
        counts = (re.search(r"<strong>([\d,]+) of", e["html"]) for _, e in self.events)
        return [int(found[1].replace(",", "")) for found in counts if found]

    def close(self) -> None:
        sock = self.connection.sock
        if sock is not None:
            sock.close()
        self.answer.close()


@contextmanager
def viewers(
    stack: RunningStack, count: int, path: str, cookies: str, last_id: str = ""
) -> Iterator[list[Viewer]]:
    """So many of them, while the block runs."""
    watching = [Viewer(stack, path, cookies, last_id) for _ in range(count)]
    try:
        yield watching
    finally:
        for viewer in watching:
            viewer.close()

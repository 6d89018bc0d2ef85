"""A small and fast HTTP/1.1 server, which can drop a connection at any point."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

#: Called with a request and the connection that waits for its answer.
Handler = Callable[["Request", "Connection"], None]
END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Request:
    """A request with its whole body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def fields(self) -> dict[str, str]:
        """The fields of the query string and of the form together."""
        if "form" not in self.headers.get("content-type", ""):
            return self.query
        return {**self.query, **dict(parse_qsl(self.body.decode(), keep_blank_values=True))}

    def json(self) -> Any:
        """Parse the body as JSON. Raises ValueError."""
        return json.loads(self.body)


class Connection(asyncio.Protocol):
    """One client's connection: requests are handled one after the other."""

    transport: asyncio.Transport

    def __init__(self, handle: Handler, alive: set["Connection"]) -> None:
        self._handle, self._alive = handle, alive
        self._buffer, self._busy = b"", False
        self.bytes_received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not its subclasses
        self._alive.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._alive.discard(self)

    def data_received(self, data: bytes) -> None:
        self.bytes_received += len(data)
        self._buffer += data
        self._next()

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer the request, and handle the next one."""
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.raw(head.encode() + b"\r\n" + body)
        self._busy = False
        self._next()

    def answer_json(
        self, status: int, value: object, headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps(value, ensure_ascii=False).encode()
        self.answer(status, body, {"Content-Type": "application/json", **(headers or {})})

    def raw(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def drop(self) -> None:
        self.transport.abort()

    def _next(self) -> None:
        while not self._busy and (request := self._parsed()) is not None:
            self._busy = True
            self._handle(request, self)

    def _parsed(self) -> Request | None:
        """Remove the next complete request from the buffer and return it; None without one."""
        end = self._buffer.find(END_OF_HEAD)
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        start = end + len(END_OF_HEAD)
        stop = start + int(headers.get("content-length", 0))
        if len(self._buffer) < stop:
            return None
        method, target, _ = first.split(" ", 2)
        body, self._buffer = self._buffer[start:stop], self._buffer[stop:]
        return Request(method, target, headers, body)

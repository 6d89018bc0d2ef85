"""Refuse a request whose body ends early: a part of a form must not pass for the whole.

The server reports a connection that broke, or a body that did not arrive in time, as the end of the
body. The fields that are missing then would count as left empty, such as the clients whom a mailing
excludes.
"""

from typing import Any

from django.core.exceptions import BadRequest

from vestnik.middleware.request_checks import content_length

ENDED_EARLY = "The request ended before its body was complete: send it again."


class IncompleteBody(BadRequest):
    """The body of a request is shorter than announced; the answer is 400."""


class CompleteBody:
    """The body of a request; reading it raises IncompleteBody if it is shorter than announced."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream, self._left = stream, length

    def read(self, size: int | None = -1) -> bytes:
        expected = self._bounded(size)
        return self._checked(self._stream.read(expected), expected)

    def readline(self, size: int | None = -1) -> bytes:
        expected = self._bounded(size)
        line: bytes = self._stream.readline(expected)
        return self._checked(line, len(line) if line.endswith(b"\n") else expected)

    def _bounded(self, size: int | None) -> int:
        return self._left if size is None or size < 0 else min(size, self._left)

    def _checked(self, part: bytes, expected: int) -> bytes:
        self._left -= len(part)
        if len(part) < expected:
            raise IncompleteBody(ENDED_EARLY)
        return part


def require_complete_body(environ: dict[str, Any]) -> None:
    """Replace the input of a WSGI request that announces the length of its body."""
    if length := content_length(environ):
        environ["wsgi.input"] = CompleteBody(environ["wsgi.input"], length)

"""Refuse a request whose body ends early: a part of a form must not pass for the whole.

The server reports a connection that broke, or a body that did not arrive in time, as the end of the
body. The fields that are missing then would count as left empty, such as the clients whom a mailing
excludes.
"""

from typing import Any

from django.core.exceptions import BadRequest

from vestnik.middleware.request_checks import content_length

ENDED_EARLY = "The request ended before its body was complete: send it again."
#: Bytes that are read at once, so that `received` grows while a large body arrives.
PIECE = 64 * 1024


class IncompleteBody(BadRequest):
    """The body of a request is shorter than announced; the answer is 400."""


class CompleteBody:
    """The body of a request; reading it raises IncompleteBody if it is shorter than announced."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream, self._left = stream, length
        #: Bytes that were read.
        self.received = 0
        #: Whether the body ended early.
        self.is_broken = False

    def read(self, size: int | None = -1) -> bytes:
        size = self._bounded(size)
        return b"".join(self._read_piece(min(PIECE, size - at)) for at in range(0, size, PIECE))

    def readline(self, size: int | None = -1) -> bytes:
        expected = self._bounded(size)
        line: bytes = self._stream.readline(expected)
        return self._checked(line, len(line) if line.endswith(b"\n") else expected)

    def _bounded(self, size: int | None) -> int:
        return self._left if size is None or size < 0 else min(size, self._left)

    def _read_piece(self, size: int) -> bytes:
        return self._checked(self._stream.read(size), size)

    def _checked(self, part: bytes, expected: int) -> bytes:
        self._left -= len(part)
        self.received += len(part)
        if len(part) < expected:
            self.is_broken = True
            raise IncompleteBody(ENDED_EARLY)
        return part


def require_complete_body(environ: dict[str, Any]) -> CompleteBody | None:
    """Replace the input of a WSGI request that announces the length of its body, and return it."""
    if not (length := content_length(environ)):
        return None
    body = environ["wsgi.input"] = CompleteBody(environ["wsgi.input"], length)
    return body

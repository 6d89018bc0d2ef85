"""Refuse a request whose body ends early: a part of a form must not pass for the whole.

The server reports a connection that broke, or a body that did not arrive in time, as the end of the
body. The fields that are missing then would count as left empty, such as the clients whom a mailing
excludes.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.core.exceptions import BadRequest

from vestnik.db.base import connection
from vestnik.middleware.connection_watch import Pace
from vestnik.middleware.request_checks import MIN_BYTES_PER_SECOND, content_length

ENDED_EARLY = "The request ended before its body was complete: send it again."
#: Bytes that are read at once. The time of the client is limited for each piece.
PIECE = 64 * 1024


class IncompleteBody(BadRequest):
    """The body of a request is shorter than announced; the answer is 400."""


class CompleteBody:
    """The body of a request; reading it raises IncompleteBody if it is shorter than announced."""

    def __init__(self, stream: Any, length: int, pace: Pace) -> None:
        self._stream, self._left, self._pace = stream, length, pace
        #: Whether the body ended early.
        self.is_broken = False

    def read(self, size: int | None = -1) -> bytes:
        size = self._bounded(size)
        whole = BytesIO()
        for at in range(0, size, PIECE):
            expected = min(PIECE, size - at)
            part = self._part(self._stream.read, expected, in_time_for=expected)
            whole.write(self._checked(part, expected))
        return whole.getvalue()

    def readline(self, size: int | None = -1) -> bytes:
        expected = self._bounded(size)
        # Its length is not known before: a short line must not be given the time of a long one.
        line = self._part(self._stream.readline, expected, in_time_for=0)
        return self._checked(line, len(line) if line.endswith(b"\n") else expected)

    def _bounded(self, size: int | None) -> int:
        return self._left if size is None or size < 0 else min(size, self._left)

    def _part(self, read: Callable[[int], bytes], size: int, *, in_time_for: int) -> bytes:
        try:
            with self._pace.part(in_time_for):
                return read(size)
        except OSError:  # the client has reset the connection
            return b""

    def _checked(self, part: bytes, expected: int) -> bytes:
        self._left -= len(part)
        connection.prolong_deadline(len(part) / MIN_BYTES_PER_SECOND)
        if len(part) < expected:
            self.is_broken = True
            raise IncompleteBody(ENDED_EARLY)
        return part


def require_complete_body(environ: dict[str, Any], pace: Pace) -> CompleteBody | None:
    """Replace the input of a WSGI request that announces the length of its body, and return it."""
    if not (length := content_length(environ)):
        return None
    body = environ["wsgi.input"] = CompleteBody(environ["wsgi.input"], length, pace)
    return body

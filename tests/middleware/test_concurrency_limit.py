"""How many requests a process answers at once."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.urls import reverse

from tests.stack.embedded_servers import wait_until
from vestnik.middleware.complete_body import IncompleteBody
from vestnik.middleware.concurrency_limit import STREAM_PATHS, STREAMS, at_most


class Slow:
    """An application whose answers take until they are let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.go_on = threading.Event()

    def __call__(self, _environ: dict[str, Any], _start: Any) -> Iterator[bytes]:
        self.inside += 1
        self.go_on.wait(10)
        yield b"done"


def request(application: Any, environ: dict[str, Any]) -> threading.Thread:
    def serve() -> None:
        answer = application(environ, None)
        assert b"".join(answer) == b"done"
        getattr(answer, "close", lambda: None)()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_the_third_waits_and_a_stream_does_not() -> None:
    slow = Slow()
    gated = at_most(2, slow)
    threads = [request(gated, {}) for _ in range(3)]
    wait_until(lambda: slow.inside == 2, seconds=5)

    threads.append(request(gated, {"HTTP_ACCEPT": STREAMS, "PATH_INFO": "/clients/"}))
    threads.append(request(gated, {"HTTP_ACCEPT": STREAMS, "PATH_INFO": "/live/overview/"}))
    wait_until(lambda: slow.inside == 3, seconds=5)
    with pytest.raises(TimeoutError):
        wait_until(lambda: slow.inside > 3, seconds=0.2)
    slow.go_on.set()
    for thread in threads:
        thread.join(5)

    assert slow.inside == 5


def test_what_fails_gives_its_place_back() -> None:
    def failing(_environ: dict[str, Any], _start: Any) -> list[bytes]:
        raise ValueError("no answer")

    gated = at_most(1, failing)
    for _ in range(3):
        with pytest.raises(ValueError, match="no answer"):
            gated({}, None)


def test_an_answer_that_was_read_to_its_end_gives_its_place_back_though_nobody_closed_it() -> None:
    one_at_a_time = at_most(1, lambda environ, start: [b"all of it"])

    assert [b"".join(one_at_a_time({}, None)) for _ in range(3)] == [b"all of it"] * 3


@pytest.mark.parametrize("length", ["2", "9" * 15, "9" * 30])
def test_a_body_that_broke_off_ends_its_connection(length: str) -> None:
    def reading(environ: dict[str, Any], _start: Any) -> list[bytes]:
        with pytest.raises(IncompleteBody):
            environ["wsgi.input"].read()
        return [b"refused"]

    ours, theirs = socket.socketpair()
    with ours, theirs:
        environ = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"{"), "gunicorn.socket": ours}
        answer = at_most(1, reading)(environ, None)
        ours.sendall(b"".join(answer))
        answer.close()  # type: ignore[attr-defined]  # an answer of ours has it
        theirs.settimeout(5)
        assert theirs.makefile("rb").read() == b"refused"


@pytest.mark.parametrize("length", ["1", "0" * 30 + "1"])
def test_a_body_of_the_announced_length_is_read(length: str) -> None:
    def reading(environ: dict[str, Any], _start: Any) -> list[bytes]:
        return [environ["wsgi.input"].read()]

    environ = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"{}")}
    assert list(at_most(1, reading)(environ, None)) == [b"{"]


def test_a_client_that_was_fast_may_not_stop_for_longer() -> None:
    def reading(environ: dict[str, Any], _start: Any) -> list[bytes]:
        with pytest.raises(IncompleteBody):
            environ["wsgi.input"].read()
        return []

    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as arriving, theirs:
        environ = {"CONTENT_LENGTH": "9" * 15, "wsgi.input": arriving, "gunicorn.socket": ours}
        gated = at_most(1, reading, seconds=0.1)
        served = threading.Thread(target=gated, args=(environ, None), daemon=True)
        served.start()
        theirs.sendall(b" " * 4_000_000)  # four minutes at the lowest rate
        served.join(20)
        assert not served.is_alive()


def test_short_lines_are_not_given_the_time_of_long_ones() -> None:
    def reading(environ: dict[str, Any], _start: Any) -> list[bytes]:
        with contextlib.suppress(IncompleteBody):
            while environ["wsgi.input"].readline():
                lines.append("read")
        return []

    lines: list[str] = []

    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as arriving, theirs:
        environ = {"CONTENT_LENGTH": "9" * 15, "wsgi.input": arriving, "gunicorn.socket": ours}
        gated = at_most(1, reading, seconds=0.1)
        served = threading.Thread(target=gated, args=(environ, None), daemon=True)
        served.start()
        ends = time.monotonic() + 20
        with contextlib.suppress(BrokenPipeError):
            while served.is_alive() and time.monotonic() < ends:
                theirs.sendall(b"\n")
                served.join(0.5)
        served.join(5)
        assert not served.is_alive()
        assert time.monotonic() < ends
        assert lines


@pytest.mark.parametrize("name", ["live", "live-overview", "live-mailing", "live-import"])
def test_all_live_streams_are_at_the_addresses_beside_the_places(name: str) -> None:
    id = [1] if name in ("live-mailing", "live-import") else []
    assert reverse(name, args=id).startswith(STREAM_PATHS)


def test_a_client_that_does_not_take_its_answer_gives_its_place_back() -> None:
    one_at_a_time = at_most(1, lambda environ, start: [b" " * 10_000] * 400, seconds=0.1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = one_at_a_time({"gunicorn.socket": ours}, None)

        def write() -> None:
            with contextlib.suppress(BrokenPipeError):
                for part in answer:
                    ours.sendall(part)
                ends.append("taken")
            answer.close()  # type: ignore[attr-defined]  # ours has it

        ends: list[str] = []
        written = threading.Thread(target=write, daemon=True)
        written.start()
        written.join(20)
        assert not written.is_alive()
        assert not ends
    assert b"".join(one_at_a_time({}, None)) == b" " * 4_000_000


def test_a_reset_connection_is_a_body_that_broke_off() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as theirs,
        server.accept()[0] as ours,
        ours.makefile("rb") as arriving,
    ):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()

        def reading(environ: dict[str, Any], _start: Any) -> list[bytes]:
            for read in (environ["wsgi.input"].read, environ["wsgi.input"].readline):
                with pytest.raises(IncompleteBody):
                    read()
            return []

        environ = {"CONTENT_LENGTH": "2", "wsgi.input": arriving, "gunicorn.socket": ours}
        at_most(1, reading)(environ, None)

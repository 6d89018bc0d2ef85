"""Connections: an answer belongs to the request before it, and a slow one is opened in advance."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from yarl import URL

from tests.gateways.builders import opened, outgoing, run, until, until_connected
from tests.gateways.servers import Talk, certificate, http, read_request, serving
from tests.providers.test_http_gateway import gateway
from vestnik.providers.base import Accepted, Deferred, Outcome, Unknown
from vestnik.providers.http.connections import is_one_whole_response
from vestnik.providers.http.transport import Request

YES = http(b'{"code":0,"id":"first"}')
SECOND = http(b'{"code":0,"id":"second"}')
EARLY = "the gateway speaks before it is asked"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'17\r\n{"code":0,"id":"first"}\r\n0\r\n\r\n'
)


@pytest.mark.parametrize(
    ("heard", "exact"),
    [
        (b"", False),
        (YES, True),
        (YES + SECOND, False),
        (YES + SECOND[:20], False),
        (YES + b"\r\n", False),
        (YES[:-1], False),
        (CHUNKED, True),
        (CHUNKED + SECOND[:20], False),
        (http(b"", "204 No Content"), True),
        (http(b"", "204 No Content") + b"H", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\nup to the end", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX: y\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nX-Content-Length: 2\r\n\r\nok", False),
    ],
)
def test_an_answer_ends_where_it_says(heard: bytes, exact: bool) -> None:
    assert is_one_whole_response(heard) is exact


def talker(
    requests: list[bytes],
    *pieces: bytes,
    pause: float = 0.0,
    ended: asyncio.Semaphore | None = None,
) -> Talk:
    """Says the pieces after the first request of a line, then answers each further one.

    Each line that has said all its pieces releases `ended`.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        if ended is not None:
            ended.release()
        while True:
            requests.append(await read_request(reader))
            writer.write(http(b'{"code":0,"id":"right"}'))

    return talk


def outcomes_of(
    talk: Talk, messages: int, pause: float = 0.05, ended: asyncio.Semaphore | None = None
) -> list[Outcome | None]:
    """Of messages that go one after the other by one connection at a time.

    With `ended`, each of them has a line of its own, and the next one goes once all is said on it.
    """
    found: list[Outcome | None] = []

    async def test() -> None:
        options = {"window": "1", "id_path": "id", "deadline": "2"}
        async with serving(talk) as port, opened(gateway(port, **options)) as connection:
            for number in range(1, messages + 1):
                found.extend(await connection.hand_over_all([outgoing(number)]))
                if ended is not None:
                    await asyncio.wait_for(ended.acquire(), 10)
                await asyncio.sleep(pause)

    run(test)
    return found


@pytest.mark.parametrize(
    "pieces",
    [
        (YES + SECOND,),
        (YES, SECOND),
        (YES + SECOND[:30], SECOND[30:]),
        (YES, SECOND[:30], SECOND[30:]),
        (YES + SECOND[:30],),
        (YES, SECOND[:30]),
        (YES, b"garbage"),
        (CHUNKED + SECOND,),
        (CHUNKED + SECOND[:30], SECOND[30:]),
    ],
)
def test_a_second_answer_that_nobody_asked_for_is_not_the_next_messages(
    pieces: Sequence[bytes],
) -> None:
    requests: list[bytes] = []
    ended = asyncio.Semaphore(0)
    talk = talker(requests, *pieces, pause=0.02, ended=ended)
    first, second, third = outcomes_of(talk, 3, ended=ended)
    assert first == Accepted("first")
    # The next ones go by lines of their own: what they are told is what they asked for.
    assert second == third == Accepted("first")
    assert len(requests) == 3


def test_lines_whose_answers_end_exactly_are_kept() -> None:
    lines: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(1)
        await talker([], YES)(reader, writer)

    assert outcomes_of(talk, 3) == [Accepted("first"), Accepted("right"), Accepted("right")]
    assert len(lines) == 1


@pytest.mark.parametrize("kinds", ["qqqq", "mqmq", "qmqm"])
def test_queries_and_messages_share_a_connection(kinds: str) -> None:
    """Status queries and tokens are no messages, and their answers end as exactly."""
    lines: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(1)
        await talker([], YES)(reader, writer)

    async def test() -> None:
        async with serving(talk) as port, opened(gateway(port, window="1")) as connection:
            query = Request("GET", URL(f"http://127.0.0.1:{port}/state"))
            for number, kind in enumerate(kinds):
                if kind == "q":
                    assert (await connection.transport.exchange(query)).status == 200
                else:
                    assert await connection.hand_over_all([outgoing(number)]) == [Accepted()]

    run(test)
    assert len(lines) == 1


def test_what_follows_a_very_long_answer_is_not_the_next_messages() -> None:
    headers = [f"X-{n}: {'x' * 7_000}" for n in range(20)]
    requests: list[bytes] = []
    long_answer = http(b'{"code":0,"id":"first"}', "200 OK", *headers)

    ended = asyncio.Semaphore(0)
    talk = talker(requests, long_answer, SECOND[:30], pause=0.02, ended=ended)
    first, second = outcomes_of(talk, 2, ended=ended)

    assert first == second == Accepted("first")  # each by a line of its own


@contextmanager
def in_a_thread(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that sends while the client's loop is busy."""
    loop = asyncio.new_event_loop()
    port, ended = Future[int](), asyncio.Event()

    async def serve() -> None:
        async with serving(talk, tls) as free:
            port.set_result(free)
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield port.result(10)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_session_tickets_of_tls_are_no_answer(tmp_path: Path, method: str) -> None:
    """They come after the handshake (RFC 8446, 4.6.1), before anything is asked."""
    tls = certificate(tmp_path)
    outcomes: list[Outcome | None] = []

    async def test() -> None:
        options = {"ca_file": str(tmp_path / "cert.pem"), "window": "50", "deadline": "25"}
        options |= {"method": method, "connect_timeout": "20", "url": f"https://127.0.0.1:{port}"}
        for _ in range(3):  # each time by new connections
            async with opened(gateway(port, **options)) as connection:
                messages = [outgoing(number, leave_within=20) for number in range(1, 51)]
                outcomes.extend(await connection.hand_over_all(messages))

    with in_a_thread(talker([], YES), tls) as port:
        run(test)
    assert outcomes == [Accepted()] * 150


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_an_answer_that_comes_right_before_the_request_is_not_its_answer(method: str) -> None:
    """The loop is busy between the look at the connection and the first byte of the request."""
    asked, said = threading.Event(), threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(YES)
        await asyncio.to_thread(asked.wait, 10)
        writer.write(SECOND)
        said.set()
        await talker([], YES)(reader, writer)

    async def test() -> None:
        options = {"window": "1", "id_path": "id", "body_format": "json", "method": method}
        async with opened(gateway(port, **options)) as connection:
            assert await connection.hand_over_all([outgoing(1)]) == [Accepted("first")]
            message = outgoing(2)
            handing = asyncio.create_task(connection.hand_over(message))
            await asyncio.sleep(0)  # it has chosen its connection
            asked.set()
            assert said.wait(10)
            outcome = await handing
        # Where its request is written in the same turn, nothing tells which answer is its own.
        assert message.departed_at is not None or outcome == Deferred(EARLY)

    with in_a_thread(talk) as port:
        run(test)


@pytest.mark.parametrize("greeting", [b"", b"220 smtp.example ESMTP\r\n"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_port_that_greets_or_closes_at_once_is_not_stormed(greeting: bytes, method: str) -> None:
    """As a load balancer without a backend does, or the port of another service."""
    lines: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(1)
        writer.write(greeting)
        if greeting:
            await reader.read()

    async def test() -> None:
        async with opened(gateway(port, window="5", method=method)) as connection:
            flight = [outgoing(number) for number in range(1, 6)]
            outcomes = await connection.hand_over_all(flight)
        for message, outcome in zip(flight, outcomes, strict=True):
            assert type(outcome) is (Deferred if message.departed_at is None else Unknown)

    with in_a_thread(talk) as port:
        run(test)
    assert len(lines) <= 10


def test_a_tls_connection_that_is_given_up_ends_at_once(tmp_path: Path) -> None:
    """A gateway that says nothing does not part either: its sockets must not pile up."""
    tls, asked, ends = certificate(tmp_path), Future[None](), Future[bool]()

    def serve() -> None:
        line, _ = listener.accept()
        with tls.wrap_socket(line, server_side=True) as secure:
            secure.recv(65536)
            asked.set_result(None)
            secure.settimeout(10)
            try:
                while socket.socket.recv(secure, 65536):  # without TLS: what comes is not answered
                    pass
                ends.set_result(True)
            except OSError as error:
                ends.set_result(isinstance(error, ConnectionResetError))

    async def test() -> None:
        options = {"ca_file": str(tmp_path / "cert.pem"), "url": f"https://127.0.0.1:{port}"}
        async with opened(gateway(port, **options, connect_timeout="20")) as connection:
            handing = asyncio.create_task(connection.hand_over(outgoing(1, leave_within=20)))
            await asyncio.wrap_future(asked)
            handing.cancel()  # as at the deadline
            assert await asyncio.wrap_future(ends)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        run(test)
        thread.join()


def test_a_gateway_that_answers_before_it_is_asked_has_taken_nothing() -> None:
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(YES)
        await asyncio.sleep(0.05)
        requests.append(await read_request(reader))

    first, *_ = outcomes_of(talk, 1)
    assert not requests or isinstance(first, Unknown)
    assert not isinstance(first, Accepted)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_the_reason_names_what_happened_to_the_first_request(method: str) -> None:
    """The line is lost after it left, and the port is closed: a repetition could only say so."""

    async def test() -> None:
        stop: list[Callable[[], None]] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(http(b'{"code":0}'))
            await read_request(reader)
            stop[0]()  # nobody listens any more
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        stop.append(server.close)
        port = server.sockets[0].getsockname()[1]
        options = {"method": method, "body_format": "json", "window": "1"}
        async with opened(gateway(port, **options)) as connection:
            assert await connection.hand_over_all([outgoing(1)]) == [Accepted()]
            (outcome,) = await connection.hand_over_all([outgoing(2)])
        assert outcome == Unknown("the line was closed before the answer")

    run(test)


def test_a_connection_that_takes_longer_than_a_message_may_wait_serves_the_next_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(1)
        while True:
            await read_request(reader)
            writer.write(YES)

    async def test() -> None:
        from vestnik.providers.http import connections

        create, are_open = connections.aiohttp.TCPConnector._create_connection, asyncio.Event()

        async def slowly(*args: object) -> object:
            await are_open.wait()  # as a gateway far away, by TLS
            return await create(*args)  # type: ignore[arg-type]  # passed on

        monkeypatch.setattr(connections.aiohttp.TCPConnector, "_create_connection", slowly)
        async with serving(talk) as port, opened(gateway(port, window="5")) as connection:
            late = [outgoing(number, leave_within=0.1) for number in range(5)]
            handing = asyncio.create_task(connection.hand_over_all(late))
            await until(lambda: all(message.is_late for message in late))
            are_open.set()
            assert await handing == [None] * 5
            are_open.clear()  # from here on no connection is opened any more
            messages = [outgoing(number) for number in range(5)]
            assert await connection.hand_over_all(messages) == [Accepted()] * 5
        assert len(lines) == 5

    run(test)


def test_what_only_waited_for_a_place_has_not_been_tried() -> None:
    """Neither an attempt nor trouble of the gateway: it never heard of it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(10)

    async def test() -> None:
        options = {"window": "1", "deadline": "0.1"}
        async with serving(talk) as port, opened(gateway(port, **options)) as connection:
            await until_connected(connection)
            outcomes = await connection.hand_over_all([outgoing(1), outgoing(2), outgoing(3)])
        assert outcomes == [Unknown("no answer within 0.1 s"), None, None]

    run(test)


def test_what_waited_for_a_connection_that_never_came_has_met_trouble() -> None:
    async def test() -> None:
        # A port whose queue is full takes no connection and refuses none.
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            others = [socket.socket() for _ in range(3)]
            for other in others:
                other.setblocking(False)
                other.connect_ex(("127.0.0.1", port))
            options = {"window": "1", "deadline": "0.4", "connect_timeout": "5"}
            async with opened(gateway(port, **options)) as connection:
                (outcome,) = await connection.hand_over_all([outgoing(1)])
            for other in others:
                other.close()
        assert isinstance(outcome, Deferred)

    run(test)

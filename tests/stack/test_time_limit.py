"""Every request ends, also one that waits for the database and one whose body does not arrive."""

import contextlib
import socket
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

SECONDS = 2
#: Bytes a second of a slow client; the lowest rate is 16 KiB.
RATE = 20 * 1024
LOCK = "LOCK TABLE audience_client IN ACCESS EXCLUSIVE MODE"


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with RunningStack(workers=1, environ={"WEB_REQUEST_SECONDS": str(SECONDS)}) as running:
        yield running


@pytest.mark.parametrize(("accept", "said"), [("application/json", "stopped"), ("text/html", "h1")])
def test_what_waits_too_long_is_answered_503_with_what_to_do(
    stack: RunningStack, accept: str, said: str
) -> None:
    headers = {"Accept": accept, "Authorization": f"Bearer {stack.key}"}
    path = "/api/v1/clients/" if accept == "application/json" else "/clients/"
    if path == "/clients/":
        headers["Cookie"] = _session(stack)
    with psycopg.connect(stack.database_url) as holder:
        holder.execute(LOCK)
        request = Request(stack.address + path, headers=headers)  # noqa: S310  (our own address)
        began = time.monotonic()
        with pytest.raises(HTTPError) as refused:
            urlopen(request, timeout=30)  # noqa: S310  (our own address)

    with refused.value as answer:
        assert time.monotonic() - began < SECONDS + 5
        assert (answer.code, answer.headers["Retry-After"]) == (503, "30")
        assert said in answer.read().decode()
    assert stack.api("GET", "clients/").status == 200


def test_whoever_sends_a_body_byte_by_byte_holds_no_place_for_good(stack: RunningStack) -> None:
    """More slow requests than threads: other requests wait, and are served afterwards."""
    lengths = ["1000", "9" * 15, "9" * 20]
    with contextlib.ExitStack() as opened:
        waiting = {
            opened.enter_context(_began(stack, lengths[n % len(lengths)])) for n in range(20)
        }
        began = time.monotonic()

        def all_are_answered() -> bool:
            waiting.difference_update([line for line in waiting if not _still_open(line)])
            return not waiting

        wait_until(all_are_answered, seconds=30)

    assert time.monotonic() - began < 30
    assert stack.api("GET", "clients/").status == 200


def test_a_slow_body_is_served_while_it_arrives_at_the_lowest_rate(stack: RunningStack) -> None:
    body = b" " * 100_000 + b'{"phone_number": "79261234567", "timezone": "Europe/Moscow"}'
    with _began(stack, str(len(body))) as line:
        for at in range(0, len(body), RATE // 4):
            line.sendall(body[at : at + RATE // 4])
            time.sleep(0.25)  # the lowest rate
        assert line.recv(100).startswith(b"HTTP/1.1 201 ")
    stack.sql("DELETE FROM audience_client")


FIELD = 'Content-Disposition: form-data; name="file"; filename="a.csv"'
PROBLEM = "ended before its body was complete"
FORM = f"csrfmiddlewaretoken={'a' * 32}&username=a"
INCOMPLETE = [
    ("/login/", "application/x-www-form-urlencoded", FORM, "did not arrive completely"),
    ("/api/v1/clients/", "application/json", '{"phone_number": "79261234567"}', PROBLEM),
    (
        "/api/v1/clients/imports/",
        "multipart/form-data; boundary=x",
        f"--x\r\n{FIELD}\r\n\r\nphone_number\r\n79261234567\r\n--x\r\nContent-Disposition: ",
        PROBLEM,
    ),
]


@pytest.mark.parametrize(("path", "kind", "body", "said"), INCOMPLETE)
def test_a_body_that_ends_early_is_refused_whatever_its_part_says(
    stack: RunningStack, path: str, kind: str, body: str, said: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\nConnection: close\r\n"
    head += f"Content-Type: {kind}\r\nContent-Length: {len(body) + 1}\r\n"
    head += f"Cookie: csrftoken={'a' * 32}\r\nAuthorization: Bearer {stack.key}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as line:
        line.sendall((head + body).encode())
        line.shutdown(socket.SHUT_WR)
        answer = line.makefile("rb").read().decode()

    assert answer.startswith("HTTP/1.1 400 ")
    assert said in answer
    assert stack.api("GET", "clients/").body["results"] == []
    assert stack.sql("SELECT id FROM audience_import") == []


def _began(stack: RunningStack, length: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
    head = f"POST /api/v1/clients/ HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
    line.sendall(f"{head}{kind}Authorization: Bearer {stack.key}\r\n\r\n".encode())
    return line


def _still_open(line: socket.socket) -> bool:
    """Send one more byte; return whether there is no answer yet."""
    try:
        line.sendall(b" ")
        line.setblocking(False)
        line.recv(100)
        return False  # an answer, or its end
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        line.setblocking(True)


def _session(stack: RunningStack) -> str:
    """Return the cookie of a logged-in user."""
    key = "s" * 32
    code = (
        "from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY;"
        "from vestnik.access.models import User; from vestnik.access.sessions import SessionStore;"
        "user = User.objects.get(); session = SessionStore();"
        "session[SESSION_KEY] = str(user.pk);"
        "session[BACKEND_SESSION_KEY] = 'vestnik.access.backends.RoleBackend';"
        "session[HASH_SESSION_KEY] = user.get_session_auth_hash();"
        f"session._session_key = '{key}'; session.save(must_create=True)"
    )
    done = stack.vestnik("manage", "shell", "-c", code)
    assert done.returncode == 0, done.stderr
    return f"sessionid={key}"

"""`vestnik healthcheck`, as the health checks of containers run it."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vestnik.cli import main
from vestnik.db import redis_client
from vestnik.dispatch.runtime import periodic_jobs
from vestnik.dispatch.signals import heartbeat
from vestnik.stack.healthcheck import problem_with

HERE = socket.gethostname()


class Web(BaseHTTPRequestHandler):
    """Answers as /readyz would."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "unavailable"}')

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Web]]:
    handler = type("Web", (Web,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("VESTNIK_PORT", str(server.server_port))
        monkeypatch.setenv("WEB_HOST", "0.0.0.0")  # noqa: S104  (as in the image)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
            monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
        yield handler
        server.shutdown()


def test_the_web_is_asked_past_any_proxy(web: type[Web]) -> None:
    assert problem_with("web") == ""
    assert main(["healthcheck", "web"]) == 0


def test_a_web_that_is_not_ready_is_said(
    web: type[Web], capsys: pytest.CaptureFixture[str]
) -> None:
    web.status = 503
    assert main(["healthcheck", "web"]) == 1
    assert "unavailable" in capsys.readouterr().err


def test_a_web_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTNIK_PORT", "9")
    assert problem_with("web").startswith("the web process does not answer: ")


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_a_process_is_known_by_its_own_sign_of_life(kind: str) -> None:
    note = {"worker": heartbeat.note_worker, "beat": heartbeat.note_beat}[kind]
    redis_client.client().flushdb()
    note(f"{kind}-7@another-host")
    assert problem_with(kind).startswith(f"no heartbeat of a {kind} process on {HERE}")
    note(f"{kind}-7@{HERE}")
    assert problem_with(kind) == ""
    assert main(["healthcheck", kind]) == 0
    redis_client.client().flushdb()


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_the_command_needs_neither_django_nor_a_database(kind: str) -> None:
    redis_client.client().flushdb()
    environ = {"PATH": os.environ["PATH"], "REDIS_URL": os.environ["REDIS_URL"]}
    command = [sys.executable, "-m", "vestnik", "healthcheck", kind]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert f"no heartbeat of a {kind} process on {HERE} in the last 15 s" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("url", "said"), [("redis://127.0.0.1:1/0", ""), ("", "REDIS_URL is not set")]
)
def test_nobody_is_ill_because_the_broker_is_away(
    monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setitem(os.environ, "REDIS_URL", url)
    assert problem_with("worker") == said


def test_a_job_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    job = periodic_jobs.Job("slow", 1.0, lambda: None)
    monkeypatch.setattr(periodic_jobs, "jobs", {"slow": job})
    assert periodic_jobs.overdue_jobs() == []
    job.ended -= periodic_jobs.LONGEST_RUN + 2
    assert periodic_jobs.overdue_jobs() == ["slow"]
    job.attempt()
    assert periodic_jobs.overdue_jobs() == []


def test_a_rare_job_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    job = periodic_jobs.Job("thin out", 3600.0, lambda: None)
    monkeypatch.setattr(periodic_jobs, "jobs", {"thin out": job})
    job.ended -= 3600.0 + 10 * periodic_jobs.LONGEST_RUN  # it runs for ten minutes
    assert periodic_jobs.overdue_jobs() == []

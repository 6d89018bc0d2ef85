"""Waiting files are read one at a time, for any number of wake-ups."""

import io
import subprocess
from typing import Any

import pytest
from django.db import connections

from vestnik.audience.importing import stored
from vestnik.dispatch.runtime import import_runner
from vestnik.dispatch.signals import wakeups

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the started commands; while one runs, another wake-up for the file arrives."""
    found: list[list[str]] = []

    class Reader:
        """A process that reads nothing and ends at once."""

        def __init__(self, command: list[str], **_: Any) -> None:
            found.append(command)
            import_runner.wake_for_waiting()
            _elsewhere(import_runner.run_import, int(command[-1]))

        def __enter__(self) -> "Reader":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait(self, _seconds: float) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Reader)
    return found


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(wakeups, "publish", lambda task, *arguments: found.append(arguments))
    return found


def _elsewhere(call: Any, *arguments: Any) -> None:
    """Run in another session, as another thread of a worker does."""
    ours = connections["default"]
    connections["default"] = ours.copy()
    try:
        call(*arguments)
    finally:
        connections["default"].close()
        connections["default"] = ours


def keep() -> int:
    return stored.store(io.BytesIO(b"phone\n79261234567\n"), file_name="a.csv").id


def test_a_file_is_started_once_whatever_wakeups_come_meanwhile(
    started: list[list[str]], given: list[Any]
):
    first, second = keep(), keep()

    import_runner.run_import(first)

    assert [command[-2:] for command in started] == [["--stored", str(first)]]
    assert given == []
    import_runner.wake_for_waiting()
    assert given == [(first,)]
    stored.read(first)
    import_runner.wake_for_waiting()
    assert given == [(first,), (second,)]


def test_a_reader_that_stands_still_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_runner, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(import_runner, "LONGEST_UNREAD", 0.2)

    with subprocess.Popen(["sleep", "60"]) as child:
        import_runner.supervise(child, keep())

    assert child.returncode == -9

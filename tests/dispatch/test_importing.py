"""Files that wait are read one at a time, however often they are hinted at."""

import io
import subprocess
from typing import Any

import pytest
from django.db import connections

from vestnik.audience.importing import stored
from vestnik.dispatch import hints, importing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were started; while one runs, the file is hinted at once more."""
    found: list[list[str]] = []

    def run(command: list[str], **_: Any) -> None:
        found.append(command)
        importing.call_for_waiting()
        _elsewhere(importing.read, int(command[-1]))

    monkeypatch.setattr(subprocess, "run", run)
    return found


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(hints, "give", lambda task, *arguments: found.append(arguments))
    return found


def _elsewhere(call: Any, *arguments: Any) -> None:
    """By another session, as another thread of a worker has it."""
    ours = connections["default"]
    connections["default"] = ours.copy()
    try:
        call(*arguments)
    finally:
        connections["default"].close()
        connections["default"] = ours


def keep() -> int:
    return stored.store(io.BytesIO(b"phone\n79261234567\n"), file_name="a.csv").id


def test_a_file_is_started_once_whatever_hints_come_meanwhile(
    started: list[list[str]], given: list[Any]
):
    first, second = keep(), keep()

    importing.read(first)

    assert [command[-2:] for command in started] == [["--stored", str(first)]]
    assert given == []
    importing.call_for_waiting()
    assert given == [(first,)]
    stored.read(first)
    importing.call_for_waiting()
    assert given == [(first,), (second,)]

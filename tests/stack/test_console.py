"""One console: each line has its process's name, and no line is lost."""

import fcntl
import os
import threading
import time

import pytest

from tests.stack.embedded_servers import wait_until
from vestnik.stack.console import Console

NAME = "web"


class Reader(threading.Thread):
    """Read the output of the console, after a while."""

    def __init__(self, pipe: int, *, after: float = 0.0) -> None:
        super().__init__()
        self.pipe, self.after = pipe, after
        self.got: list[bytes] = []
        self.start()

    def run(self) -> None:
        time.sleep(self.after)
        while chunk := os.read(self.pipe, 1 << 20):
            self.got.append(chunk)
        os.close(self.pipe)

    def lines(self) -> list[str]:
        self.join()
        return b"".join(self.got).decode().splitlines()


@pytest.fixture
def pipe():
    return os.pipe()


def console_on(out: int, *, colour: bool = False) -> Console:
    return Console(out, colour=colour, on_loss=lambda: None)


def write(descriptor: int, *blocks: bytes) -> None:
    with open(descriptor, "wb") as file:
        for block in blocks:
            file.write(block)
            file.flush()


def test_each_line_stands_under_its_process(pipe):
    reader = Reader(pipe[0])
    console = console_on(pipe[1])
    write(console.attach(NAME), b"one\ntw", b"o\nno newline")
    console.drain(NAME, 5)
    console.say("done")
    console.close(5)
    os.close(pipe[1])
    assert reader.lines() == [
        "web      | one",
        "web      | two",
        "web      | no newline",
        "vestnik  | done",
    ]


def test_a_colour_for_each_process_where_somebody_looks(pipe):
    reader = Reader(pipe[0])
    console = console_on(pipe[1], colour=True)
    console.say("hello")
    console.close(5)
    os.close(pipe[1])
    (line,) = reader.lines()
    assert line.startswith("\x1b[")
    assert line.endswith("\x1b[0mhello")


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_loses_nothing(pipe, blocking):
    if not blocking:
        flags = fcntl.fcntl(pipe[1], fcntl.F_GETFL)
        fcntl.fcntl(pipe[1], fcntl.F_SETFL, flags | os.O_NONBLOCK)
    reader = Reader(pipe[0], after=0.3)
    console = console_on(pipe[1])
    expected = [f"SMS 79261234567 message={number}" for number in range(20_000)]
    write(console.attach(NAME), "".join(f"{line}\n" for line in expected).encode())
    console.drain(NAME, 10)
    os.close(pipe[1])
    assert [line.partition("| ")[2] for line in reader.lines()] == expected


def test_it_keeps_up_with_fifty_thousand_lines_a_second(pipe):
    reader = Reader(pipe[0])
    console = console_on(pipe[1])
    line = b'SMS 79261234567 mailing=12 message=3456 text="' + b"x" * 60 + b'"\n'
    began = time.process_time()
    write(console.attach(NAME), *[line * 100] * 2000)
    console.drain(NAME, 10)
    took = time.process_time() - began
    os.close(pipe[1])
    assert len(reader.lines()) == 200_000
    assert took < 4


def test_an_endless_line_is_not_kept_in_memory(pipe):
    reader = Reader(pipe[0])
    console = console_on(pipe[1])
    write(console.attach(NAME), *[b"x" * (1 << 17)] * 8)
    console.drain(NAME, 5)
    os.close(pipe[1])
    assert "".join(line.partition("| ")[2] for line in reader.lines()) == "x" * (1 << 20)


def test_the_last_words_of_a_process_are_remembered(pipe):
    reader = Reader(pipe[0])
    console = console_on(pipe[1])
    write(console.attach("postgres"), b"LOG:  one\n\nFATAL:  two\n")
    assert console.tail("postgres") == ["LOG:  one", "FATAL:  two"]
    assert console.tail("unknown") == []
    os.close(pipe[1])
    reader.join()


def test_a_console_that_nobody_reads_is_told_once(pipe):
    told = []
    console = Console(pipe[1], colour=False, on_loss=lambda: told.append(True))
    os.close(pipe[0])
    console.say("one")
    wait_until(lambda: told, 5)
    console.say("two")
    console.close(5)
    os.close(pipe[1])
    assert told == [True]


def test_a_thread_that_cannot_be_had_costs_no_descriptor(pipe, monkeypatch):
    reader = Reader(pipe[0])
    console = console_on(pipe[1])

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", refuse)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            with pytest.raises(RuntimeError):
                console.attach(NAME)
        assert len(os.listdir("/proc/self/fd")) == before
    console.drain(NAME, 1)  # as for a process without any line
    console.say("still here")
    console.close(5)
    os.close(pipe[1])
    assert reader.lines() == ["vestnik  | still here"]

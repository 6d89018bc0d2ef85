"""Ctrl-C reaches what a command does, and the command ends, whatever becomes of it."""

import signal
import subprocess
import sys

import pytest

BEGIN = """
import time
from vestnik.cli import interrupts
interrupts.SECONDS = 2

class Swallows:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(30)

def wait():
    print("ready", flush=True)
    time.sleep(30)

def cancel():
    print("cancelled")

"""
LOOKS = """
try:
    with interrupts.noted() as stop, stop.work(cancel):
        print("ready", flush=True)
        while True:
            stop.check()
except KeyboardInterrupt:
    print("put in order")
"""
# A row is committed, and only then the code begins that ends it.
BETWEEN = """
with interrupts.noted() as stop:
    print("ready", flush=True)
    while not stop.requested:
        time.sleep(0.01)
    try:
        with stop.work(cancel):
            print("does it all the same")
    except KeyboardInterrupt:
        print("put in order")
"""
CANCELLED = """
import threading
ended = threading.Event()
def cancel():
    ended.set()
try:
    with interrupts.noted() as stop, stop.work(cancel):
        print("ready", flush=True)
        ended.wait(30)
        raise OSError("it was cancelled")
except KeyboardInterrupt:
    print("put in order")
"""
DEAF = """
try:
    with interrupts.noted() as stop, stop.work(cancel):
        wait()
except KeyboardInterrupt:
    print("put in order")
"""
LOST = """
try:
    with interrupts.noted() as stop, stop.work(cancel):
        Swallows()
        time.sleep(30)
except KeyboardInterrupt:
    print("put in order")
"""
NOT_DISTURBED = """
with interrupts.noted() as stop:
    try:
        with stop.work(lambda: None):
            wait()
    except KeyboardInterrupt:
        print("ready", flush=True)
        time.sleep(2.5)
        print("put in order")
"""
NEVER_ENDS = """
with interrupts.noted() as stop:
    while True:
        try:
            with stop.work(cancel):
                wait()
        except KeyboardInterrupt:
            pass
"""


@pytest.mark.parametrize(
    ("script", "times", "status", "said"),
    [
        (LOOKS, 1, 0, "put in order"),
        (BETWEEN, 1, 0, "put in order"),
        (CANCELLED, 1, 0, "put in order"),
        (DEAF, 1, 0, "cancelled"),
        (DEAF, 1, 0, "put in order"),
        (LOST, 1, 0, "put in order"),
        (NOT_DISTURBED, 2, 0, "put in order"),
        (NEVER_ENDS, 1, 130, "cancelled"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends(script: str, times: int, status: int, said: str, number: signal.Signals) -> None:
    command = [sys.executable, "-c", BEGIN + script]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        for _ in range(times):
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert process.returncode == status, err
    assert said in out
    assert "all the same" not in out
    assert ("did not stop in time" in err) is (status == 130)

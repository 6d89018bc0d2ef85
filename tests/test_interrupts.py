"""Ctrl-C reaches what a command does, and the command ends, whatever becomes of it."""

import signal
import subprocess
import sys

import pytest

BEGIN = """
import gc, time
from vestnik.cli import interrupts
interrupts.SECONDS = 2

class Swallows:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(30)

def wait():
    print("ready", flush=True)
    time.sleep(30)

"""
ENDS = """
try:
    with interrupts.interruptible():
        wait()
except KeyboardInterrupt:
    print("put in order")
"""
LOST = """
try:
    with interrupts.interruptible():
        Swallows()
        time.sleep(30)
except KeyboardInterrupt:
    print("put in order")
"""
NOT_DISTURBED = """
try:
    with interrupts.interruptible():
        try:
            wait()
        finally:
            print("ready", flush=True)
            time.sleep(0.5)
            print("put in order")
except KeyboardInterrupt:
    pass
"""
NEVER_ENDS = """
with interrupts.interruptible():
    while True:
        try:
            wait()
        except KeyboardInterrupt:
            pass
"""


@pytest.mark.parametrize(
    ("script", "times", "status", "said"),
    [
        (ENDS, 1, 0, "put in order"),
        (LOST, 1, 0, "put in order"),
        (NOT_DISTURBED, 2, 0, "put in order"),
        (NEVER_ENDS, 1, 130, "ready"),
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
    assert ("did not end in time" in err) is (status == 130)

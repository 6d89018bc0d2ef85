"""A broker with a full disk: the workers wait, one line names the reason, and work goes on
afterwards."""

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.mailing import make_mailing
from tests.stack.running import RunningStack

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
SECONDS_FULL = 6.0


def readiness(stack: RunningStack) -> dict[str, str]:
    address = f"{stack.address}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  (our own)
            checks: dict[str, str] = json.load(answer)["checks"]
    except HTTPError as error:
        with error:
            checks = json.load(error)["checks"]
    return checks


def test_workers_outlive_a_full_disk_of_the_broker(old_home):
    folder = old_home / "valkey"
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        with RunningStack(home=old_home, workers=1) as stack:
            stack.api("POST", "clients/", {"phone_number": "79261234567"})
            worker = stack.pids["worker.1"]
            with pytest.raises(OSError, match="No space"):
                fill(folder / "filler")

            mailing = make_mailing(stack)
            stack.wait_for_line("MISCONF", 20)
            wait_until(lambda: readiness(stack)["broker"] == "refuses writes", 20)
            time.sleep(SECONDS_FULL)  # the log of this time is tested
            said = [line.text for line in stack.lines if "MISCONF" in line.text]
            assert stack.pids["worker.1"] == worker
            assert "Traceback" not in "\n".join(line.text for line in stack.lines)
            assert len(said) <= 8, said

            (folder / "filler").unlink()
            wait_until(lambda: len(list(stack.sent(mailing))) == 1, 60)
            assert stack.pids["worker.1"] == worker
            assert readiness(stack)["broker"] == "ok"
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full. Raises OSError."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)

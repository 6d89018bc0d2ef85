"""No client gets two messages and no message is lost after kills; and these tests can fail."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.pipeline.chaos import (
    ENVIRON,
    SCENARIOS,
    Scenario,
    crash_postgres,
    restart_postgres,
    run,
)
from tests.pipeline.mailings import command, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import MESSAGE, RunningStack


@pytest.fixture(scope="module")
def stack():
    with RunningStack(workers=2, environ=ENVIRON) as running:
        yield running


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.what)
def test_killing_repeats_nobody_and_loses_nobody(stack, scenario):
    fewer = replace(scenario, times=max(1, scenario.times // 3))
    row = run(stack, fewer, clients=6_000, seconds=8)
    assert row.holds, row
    if "PostgreSQL" in scenario.what or "Valkey" in scenario.what:
        assert not row.unknown


def test_the_audit_finds_a_naive_sender_out(stack):
    fill(stack, 20_000)
    mailing = create(stack, rate_limit=1)
    wait_until(lambda: read(stack, mailing)["enlisted_at"], seconds=60)
    command(stack, mailing, "pause")
    arrived: Counter[str] = Counter()
    for _ in range(60):
        arrived.update(naive_until_killed(stack, mailing))
        if max(arrived.values()) > 1:
            break
    command(stack, mailing, "cancel")
    assert max(arrived.values()) > 1


def naive_until_killed(stack: RunningStack, mailing: int) -> list[str]:
    """Return the numbers that the naive sender sent to before it was killed."""
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.naive", stack.database_url, str(mailing)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with sender:
        assert sender.stdout is not None
        lines = [sender.stdout.readline()]
        time.sleep(random.uniform(0.0, 0.05))  # the moment of the kill is what is tried
        sender.kill()
        lines += sender.stdout.read().splitlines()
    return [match["phone"] for line in lines if (match := MESSAGE.match(line))]


def test_the_audit_finds_a_database_out_that_forgets_commits():
    with RunningStack(workers=2, environ=ENVIRON) as stack:
        stack.sql("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
        restart_postgres(stack)  # so that every connection is a new one
        for _ in range(5):
            row = run(stack, Scenario("crash", crash_postgres, 3), clients=6_000, seconds=8)
            if row.report.doubled:
                return
    pytest.fail("commits were forgotten, and nobody noticed")


def test_what_was_due_while_everything_was_down_starts_afterwards():
    with RunningStack(workers=1) as stack:
        fill(stack, 5)
        stack.kill("worker.1", signal.SIGSTOP)  # it starts nothing, however long the stop takes
        late = create(stack, starts_in=5.0)
        missed = create(stack, starts_in=5.0, ends_in=6.0)
        over = time.monotonic() + 6.0
        stack.stop()
        assert not list(stack.sent())
        time.sleep(max(0.0, over - time.monotonic()))  # until its window has passed
        stack.start()
        assert wait_ended(stack, late, seconds=60)["progress"]["sent"] == 5
        found = wait_ended(stack, missed, seconds=60)
        assert (found["state"], found["progress"]["matched"]) == ("missed", 0)
        assert len(list(stack.sent(late))) == 5
        assert not list(stack.sent(missed))

"""The delay of the first message at the console: after the answer, and after the start time."""

import statistics
import time

from tests.pipeline.mailings import create, fill, read
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

AHEAD = 3.0
APART = 0.31
STARTS = "SELECT extract(epoch FROM starts_at)::float8 FROM mailings_mailing WHERE id = %s"


def first_messages(stack: RunningStack, runs: int) -> list[float]:
    """Return milliseconds from the answer to the creation of a due mailing to its first message."""
    fill(stack, 10)
    found = []
    for _ in range(runs):
        mailing = create(stack)
        answered = time.monotonic()
        wait_until(lambda m=mailing: any(stack.sent(m)), seconds=5)
        first = min(sent.line.monotonic for sent in stack.sent(mailing))
        found.append(max(0.0, (first - answered) * 1000))
        wait_until(lambda m=mailing: read(stack, m)["state"] == "finished", seconds=5)
        time.sleep(0.05)
    return found


def start_delays(stack: RunningStack, runs: int) -> list[float]:
    """Return milliseconds from a mailing's start time to its first message; negative is early."""
    fill(stack, 10)
    found = []
    began = time.monotonic()
    mailings = []
    for run in range(runs):
        time.sleep(max(0.0, began + run * APART - time.monotonic()))
        mailings.append(create(stack, starts_in=AHEAD))
    wait_until(lambda: read(stack, mailings[-1])["state"] == "finished", seconds=AHEAD + 10)
    for mailing in mailings:
        starts_at = stack.sql(STARTS, (mailing,))[0][0]
        first = min(sent.line.wall for sent in stack.sent(mailing))
        found.append((first - starts_at) * 1000)
    return found


def median(values: list[float]) -> float:
    return statistics.median(values)


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]

"""The rate of a mailing while two hundred viewers watch its page."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import shapes
from bench.report import Report
from tests.dashboard.viewers import log_in
from tests.pipeline.mailings import create, fill, instant
from tests.stack.running import RunningStack

VIEWERS = 200
REPEATS = 5


def viewers(stack: RunningStack, report: Report, scale: float) -> None:
    """Measure the rate with and without viewers, alternating."""
    count = int(400_000 * scale)
    fill(stack, count)
    cookies = log_in(stack)
    rates: dict[int, list[float]] = {0: [], VIEWERS: []}
    events: list[float] = []
    for _ in range(REPEATS):
        for watching in rates:
            took, came = run(stack, count, watching, cookies)
            rates[watching].append(count / took)
            if watching:
                events.append(came / took / watching)
    report.table(
        f"Messages per second to {count:,} clients, by number of viewers (null provider)",
        ["viewers", "median", "runs", "events a viewer and second"],
        [
            [
                str(watching),
                f"{statistics.median(found):,.0f}",
                ", ".join(f"{rate:,.0f}" for rate in found),
                f"{statistics.median(events):.2f}" if watching else "",
            ]
            for watching, found in rates.items()
        ],
    )
    none, many = (statistics.median(found) for found in rates.values())
    report.figure("viewers_200_vs_none", many / none)


def run(stack: RunningStack, count: int, watching: int, cookies: str) -> tuple[float, int]:
    """Return the seconds from the launch of a mailing until it is closed, and the viewers'
    events."""
    shapes.clear(stack)
    mailing = create(stack, starts_in=1800, ends_in=3600, provider="null")
    with watchers(stack, f"/live/mailings/{mailing}/", watching, cookies) as process:
        answer = stack.api("PATCH", f"mailings/{mailing}/", {"starts_at": instant(-1)})
        assert answer.status == 200, answer.body
        while (took := stack.sql(shapes.TOOK, (mailing,))) in ([], [(None,)]):
            time.sleep(0.2)
        came = 0
        if process is not None:
            came = int(process.communicate(timeout=30)[0])
    return float(took[0][0]), came


@contextmanager
def watchers(
    stack: RunningStack, path: str, count: int, cookies: str
) -> Iterator[subprocess.Popen[str] | None]:
    """Run `count` viewers; the block begins when all of them listen."""
    if not count:
        yield None
        return
    command = [sys.executable, "-m", "bench.watchers", str(stack.port), path, str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{cookies}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            time.sleep(2)  # until their streams have ended

"""The kill loops: `make chaos`. Each row is a mailing during which something is killed, again and
again, at random moments; the judge is the console, where its messages arrive.

`test_kills.py` runs the same rows, shorter.
"""

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline.mailings import Verdict, create, fill, judge, patiently, wait_ended
from tests.stack.running import RunningStack

REPORT = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- chaos -->", "<!-- /chaos -->"
# A short deadline makes a short lease, so that what a killed worker held is back sooner.
ENVIRON = {"SMS_PROVIDER_CONSOLE_DEADLINE": "1"}
LEASE = 11.0
IN_FLIGHT = "SELECT unnest(in_flight) FROM dispatch_batch WHERE mailing_id = %s"
UNKNOWN = "SELECT id FROM dispatch_message WHERE mailing_id = %s AND state = 'unknown'"


@dataclass(frozen=True)
class Row:
    """What came of one mailing under attack."""

    what: str
    times: int
    seconds: float
    verdict: Verdict
    #: Ids that were in flight right after the attacks.
    in_flight: frozenset[int]
    unknown: frozenset[int]

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        verdict = self.verdict
        broken = verdict.doubled or verdict.lost or verdict.false_sent
        return verdict.adds_up and not broken and self.unknown <= self.in_flight

    def cells(self) -> list[str]:
        verdict = self.verdict
        numbers = [
            verdict.matched,
            len({sent.phone for sent in verdict.arrivals}),
            len(verdict.doubled),
            len(verdict.lost),
            len(self.unknown),
            len(self.in_flight),
        ]
        return [
            f"{self.what} × {self.times}",
            *(f"{number:,}" for number in numbers),
            "yes" if verdict.adds_up else "NO",
            f"{self.seconds:.0f} s",
        ]


HEADER = [
    "what was killed",
    "matched",
    "arrived",
    "doubled",
    "lost",
    "unknown",
    "in flight at the kills",
    "adds up",
    "took",
]

Attack = Callable[[RunningStack], None]


def kill_a_worker(stack: RunningStack) -> None:
    stack.kill(random.choice([name for name in stack.pids if name.startswith("worker")]))


def kill_valkey(stack: RunningStack) -> None:
    stack.kill("valkey")


def restart_postgres(stack: RunningStack) -> None:
    stack.kill("postgres", signal.SIGINT)


def crash_postgres(stack: RunningStack) -> None:
    stack.kill("postgres")


def freeze_a_worker(stack: RunningStack) -> None:
    """Stopped for longer than its lease, then let go again."""
    pid = stack.kill("worker.1", signal.SIGSTOP)
    time.sleep(LEASE + 3)
    assert stack.pids["worker.1"] == pid
    stack.kill("worker.1", signal.SIGCONT)


@dataclass(frozen=True)
class Scenario:
    what: str
    attack: Attack
    times: int


SCENARIOS = [
    Scenario("worker, kill -9", kill_a_worker, 20),
    Scenario("Valkey, kill -9", kill_valkey, 5),
    Scenario("PostgreSQL, restart", restart_postgres, 3),
    Scenario("PostgreSQL, kill -9", crash_postgres, 3),
    Scenario("worker, frozen past its lease", freeze_a_worker, 2),
]


def run(stack: RunningStack, scenario: Scenario, *, clients: int, seconds: float) -> Row:
    """A mailing to so many clients, paced to last so many seconds, attacked all the while."""
    fill(stack, clients)
    began = time.monotonic()
    mailing = create(stack, ends_in=seconds * 10, rate_limit=int(clients / seconds))
    in_flight: set[int] = set()
    for pause in moments(scenario.times, seconds):
        time.sleep(pause)
        scenario.attack(stack)
        in_flight |= ids(stack, IN_FLIGHT, mailing)
    wait_ended(stack, mailing, seconds=seconds * 5 + 120)
    time.sleep(1.0)
    return Row(
        scenario.what,
        scenario.times,
        time.monotonic() - began,
        judge(stack, mailing),
        frozenset(in_flight),
        frozenset(ids(stack, UNKNOWN, mailing)),
    )


def moments(times: int, seconds: float) -> Iterator[float]:
    """Pauses between attacks: random, and all of them while the mailing still runs."""
    mean = seconds * 0.8 / times
    for _ in range(times):
        yield random.uniform(0.3 * mean, 1.5 * mean)


def ids(stack: RunningStack, query: str, mailing: int) -> set[int]:
    """The ids that a query answers."""
    return {row[0] for row in patiently(stack, query, mailing)}


def table(rows: list[Row]) -> str:
    """The rows, in Markdown."""
    lines = [HEADER, ["---"] * len(HEADER), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def keep(text: str) -> None:
    """Put the table between the marks of docs/guarantees.md."""
    before, _, rest = REPORT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    REPORT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main() -> None:
    rows = []
    with RunningStack(workers=2, environ=ENVIRON) as stack:
        for scenario in SCENARIOS:
            print(f"{scenario.what} × {scenario.times} …", flush=True)
            rows.append(run(stack, scenario, clients=100_000, seconds=75))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(table(rows))
    keep(table(rows))
    sys.exit(not all(row.holds for row in rows))


if __name__ == "__main__":
    main()

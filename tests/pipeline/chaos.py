"""The kill loops: `make chaos`. In each row something is killed repeatedly, at random moments,
during a mailing. The audit uses the console, where the messages arrive, or the ledger of a gateway.

`python -m tests.pipeline.chaos worker http` runs the rows with these names; without names, all
rows. `test_kills.py` runs shorter rows with the console.
"""

import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline import fault_injection
from tests.pipeline.combined_faults import COMBINED_FAULTS, CombinedFault, run_under_faults
from tests.pipeline.mailings import AuditReport, audit, create, fill, wait_ended, with_retries
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

REPORT = Path(__file__).parents[2] / "docs" / "guarantees.md"
CHAOS, FAULTS = "chaos", "clocks and stillness"
# A short deadline makes a short lease, so the batches of a killed worker are rescued sooner.
ENVIRON = {"SMS_PROVIDER_CONSOLE_DEADLINE": "1"}
LEASE = 11.0
IN_FLIGHT = "SELECT unnest(in_flight) FROM dispatch_batch WHERE mailing_id = %s"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s"
UNKNOWN = "SELECT id FROM dispatch_message WHERE mailing_id = %s AND state = 'unknown'"


@dataclass(frozen=True)
class Row:
    """The result of one mailing under attack."""

    what: str
    seconds: float
    report: AuditReport
    #: Ids that were in flight right after the attacks; None if the gateway lost answers, too.
    in_flight: frozenset[int] | None
    unknown: frozenset[int]
    #: Whether every client must have got the message.
    everybody: bool = False

    @property
    def holds(self) -> bool:
        """Return whether all guarantees held."""
        report = self.report
        broken = report.doubled or report.lost or report.false_sent
        if self.in_flight is not None and not self.unknown <= self.in_flight:
            return False
        if self.everybody and report.arrived < report.matched:
            return False
        return report.adds_up and not broken

    def cells(self) -> list[str]:
        report = self.report
        numbers = [
            report.matched,
            report.arrived,
            len(report.doubled),
            len(report.lost),
            report.rows.get("unknown", 0),
        ]
        return [
            self.what,
            *(f"{number:,}" for number in numbers),
            "–" if self.in_flight is None else f"{len(self.in_flight):,}",
            "yes" if report.adds_up else "NO",
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
    """Kill a running worker; after earlier kills there may be none for a moment.

    Return when its sessions have ended: PostgreSQL still takes the mark that a worker sent in its
    last moment.
    """
    wait_until(lambda: workers(stack), seconds=30)
    pid = stack.kill(random.choice(workers(stack)))
    wait_until(lambda: with_retries(stack, SESSIONS, f"vestnik worker% {pid}") == [(0,)], 30)


def workers(stack: RunningStack) -> list[str]:
    return [name for name in stack.pids if name.startswith("worker")]


def kill_valkey(stack: RunningStack) -> None:
    stack.kill("valkey")


def restart_postgres(stack: RunningStack) -> None:
    stack.kill("postgres", signal.SIGINT)


def crash_postgres(stack: RunningStack) -> None:
    stack.kill("postgres")


def freeze_a_worker(stack: RunningStack) -> None:
    """Stop the process; return when PostgreSQL has long taken what it sent, and long before its
    lease ends."""
    stack.kill("worker.1", signal.SIGSTOP)
    time.sleep(LEASE / 2)


def thaw_the_worker(stack: RunningStack) -> None:
    """Continue the process after its lease; it must still be the one that stands still."""
    time.sleep(LEASE / 2 + 3)
    assert state_of(stack.pids["worker.1"]) == "T"
    stack.kill("worker.1", signal.SIGCONT)


def state_of(pid: int) -> str:
    """Return the state of a process, as the kernel abbreviates it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def leave(_: RunningStack) -> None:
    """Do nothing: the supervisor restarts what was killed."""


@dataclass(frozen=True)
class Scenario:
    what: str
    attack: Attack
    times: int
    end: Attack = leave

    @property
    def title(self) -> str:
        return f"{self.what} × {self.times}"


SCENARIOS = [
    Scenario("worker, kill -9", kill_a_worker, 20),
    Scenario("Valkey, kill -9", kill_valkey, 5),
    Scenario("PostgreSQL, restart", restart_postgres, 3),
    Scenario("PostgreSQL, kill -9", crash_postgres, 3),
    Scenario("worker, frozen past its lease", freeze_a_worker, 2, thaw_the_worker),
]


def run(stack: RunningStack, scenario: Scenario, *, clients: int, seconds: float) -> Row:
    """Send a mailing to `clients` clients with a rate limit so that it lasts `seconds`, under
    attack."""
    fill(stack, clients)
    began = time.monotonic()
    mailing = create(stack, ends_in=seconds * 10, rate_limit=int(clients / seconds))
    in_flight: set[int] = set()
    for pause in moments(scenario.times, seconds):
        time.sleep(pause)
        scenario.attack(stack)
        in_flight |= ids(stack, IN_FLIGHT, mailing)
        scenario.end(stack)
    wait_ended(stack, mailing, seconds=seconds * 5 + 120)
    time.sleep(1.0)
    return Row(
        scenario.title,
        time.monotonic() - began,
        audit(stack, mailing),
        frozenset(in_flight),
        frozenset(ids(stack, UNKNOWN, mailing)),
    )


def moments(times: int, seconds: float) -> Iterator[float]:
    """Yield random pauses between attacks that all fit into the mailing's duration."""
    mean = seconds * 0.8 / times
    for _ in range(times):
        yield random.uniform(0.3 * mean, 1.5 * mean)


def ids(stack: RunningStack, query: str, mailing: int) -> set[int]:
    """Return the ids that a query returns."""
    return {row[0] for row in with_retries(stack, query, mailing)}


def run_at_gateway(fault: CombinedFault, *, clients: int, seconds: float) -> Row:
    """Run the same with a gateway and all faults at once."""
    took, report = run_under_faults(fault, clients=clients, seconds=seconds)
    return Row(fault.what, took, report, None, frozenset(), fault.everybody)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return the rows as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def keep(mark: str, header: list[str], titles: Sequence[str], row: list[str]) -> None:
    """Write the rows between the marks of docs/guarantees.md.

    Rows that were not run are kept; rows that no longer exist are removed.
    """
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, _, rest = REPORT.read_text().partition(begin)
    old, _, after = rest.partition(end)
    lines = [line.strip("| ").split(" | ") for line in old.strip().splitlines()[2:]]
    found = {line[0]: line for line in [*lines, row]}
    known = [found[title] for title in titles if title in found]
    REPORT.write_text(f"{before}{begin}\n{table(header, known)}\n{end}{after}")


def main(chosen: Sequence[str]) -> None:
    """Run the rows whose name begins with one of the words, or all rows."""
    holds = [*run_kills(chosen), *run_fault_injection(chosen)]
    sys.exit(not all(holds))


def run_kills(chosen: Sequence[str]) -> Iterator[bool]:
    """Run the kill loops; return whether all held."""
    titles = [scenario.title for scenario in SCENARIOS] + [fault.what for fault in COMBINED_FAULTS]
    for row in run_all(chosen):
        print(row.cells(), row.report.rows, "holds" if row.holds else "BROKEN", flush=True)
        keep(CHAOS, HEADER, titles, row.cells())
        yield row.holds


def run_fault_injection(chosen: Sequence[str]) -> Iterator[bool]:
    """Run the rows of clocks and frozen processes; return whether all held."""
    titles = [fault.what for fault in fault_injection.FAULTS]
    for fault in fault_injection.FAULTS:
        if not is_chosen(fault.name, chosen):
            continue
        try:
            found = fault_injection.run_fault(fault)
        except Exception:  # a row that fails to run does not stop the others
            traceback.print_exc()
            yield False
            continue
        print(found.cells(), "holds" if found.holds else f"BROKEN {found}", flush=True)
        keep(FAULTS, fault_injection.HEADER, titles, found.cells())
        yield found.holds


def run_all(chosen: Sequence[str]) -> Iterator[Row]:
    scenarios = [s for s in SCENARIOS if is_chosen(s.what, chosen)]
    if scenarios:
        with RunningStack(workers=2, environ=ENVIRON) as stack:
            for scenario in scenarios:
                yield run(stack, scenario, clients=100_000, seconds=75)
    for fault in COMBINED_FAULTS:
        if is_chosen(fault.name, chosen):
            yield run_at_gateway(fault, clients=20_000, seconds=190)


def is_chosen(name: str, chosen: Sequence[str]) -> bool:
    return not chosen or any(name.lower().startswith(word.lower()) for word in chosen)


if __name__ == "__main__":
    main(sys.argv[1:])

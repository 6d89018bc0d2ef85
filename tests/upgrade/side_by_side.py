"""A release in mid-mailing: the release before and this one over one database and one broker.

    python -m tests.upgrade.side_by_side [TREE]

It needs the history of the repository, or a tree of the release before, so it is no part of
`make test`. 20,000 messages leave by HTTP while

1. the release before works alone: web, worker and scheduler,
2. this release migrates the database, and both work; this one pauses, that one resumes; both put
   numbers on the stop list,
3. the release before ends, and this one does the rest.

The gateway's own list is the judge. Messages name the release that sent them (`sender`).
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.gateways.standing import Standing
from tests.pipeline.deployment import Deployment
from tests.pipeline.gateways import SECRET, http
from tests.pipeline.mailings import AuditReport, audit, command, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import free_port
from tests.upgrade.release_before import ReleaseBefore, release_before

CLIENTS, RATE = 20_000, 120
#: How many have left when the next part begins.
MIGRATE_AT, PAUSE_AT, END_AT = 4_000, 9_000, 14_000
SECONDS = 600.0
#: Numbers that each release puts on the stop list: of the last clients, who still wait.
STOPPED = 20
BODY = '{"id": "{id}", "phone": "{phone_number_int}", "text": "{text}", "sender": "%s"}'
TROUBLE = ("Traceback", '"level": "error"', '"level": "critical"', "[error", "[critical")


class TwoReleases(Deployment):
    """Web, worker and scheduler of each; `port` is that of the release that is asked."""

    def __init__(self, gateway: Standing, release: ReleaseBefore) -> None:
        super().__init__({}, broker_port=free_port())
        self.gateway, self.release = gateway, release
        self.ports = {"before": free_port(), "now": free_port()}

    def commands(self, which: str) -> Callable[..., tuple[str, ...]]:
        """How `vestnik` of a release is run."""
        if which == "before":
            return self.release.command
        return lambda *words: (sys.executable, "-m", "vestnik", *words)

    def _start_processes(self) -> None:
        self.start_release("before")

    def start_release(self, which: str) -> None:
        """Migrate the database by a release, and start its processes."""
        vestnik, port = self.commands(which), self.ports[which]
        environ = {
            "VESTNIK_PORT": str(port),
            **http(self.gateway, "main", body=BODY % which, window="20"),
        }
        done = subprocess.run(
            vestnik("setup"), env=self.environ | environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        for process in ("web", "worker", "beat"):
            self.spawn_as(f"{process}.{which}", vestnik(process), environ)
        self.use(which)
        wait_until(self._is_ready, 120)
        callback = f"http://127.0.0.1:{port}/api/v1/receipts/main/{SECRET}/"
        self.gateway.set(callback_url=callback)

    def use(self, which: str) -> None:
        """Ask this release from now on."""
        self.port = self.ports[which]

    def _is_ready(self) -> bool:
        try:
            return self.api("GET", "mailings/").status == 200
        except OSError:
            return False

    def end_release(self, which: str) -> None:
        for process in ("beat", "worker", "web"):
            self.end(f"{process}.{which}")

    def trouble(self) -> Mapping[str, list[str]]:
        """The lines of the logs that are errors, by process."""
        found = {
            log.stem: [line for line in log.read_text(errors="replace").splitlines() if _bad(line)]
            for log in sorted(self.folder.glob("*.log"))
        }
        return {name: lines for name, lines in found.items() if lines}


def _bad(line: str) -> bool:
    return any(word in line for word in TROUBLE)


def main(tree: Path | None) -> bool:
    """Run it and print what came of it; whether all of it is right."""
    with (
        release_before(tree) as release,
        Standing(receipts=True, undelivered=5) as gateway,
        TwoReleases(gateway, release) as both,
    ):
        fill(both, CLIENTS)
        began = time.monotonic()
        mailing = create(both, ends_in=SECONDS * 2, rate_limit=RATE, provider="main")
        with timed("the release before alone"):
            wait_sent(gateway, MIGRATE_AT)
        with timed("setup, web, worker and scheduler of this one"):
            both.start_release("now")
        with timed("both, with a pause and stops by each"):
            wait_sent(gateway, PAUSE_AT)
            stopped = stop_some(both, "before", CLIENTS - STOPPED)
            stopped += stop_some(both, "now", CLIENTS - 2 * STOPPED)
            same = pause_and_resume(both, gateway, mailing)
            wait_sent(gateway, END_AT)
        with timed("this one alone"):
            both.use("now")
            both.end_release("before")
            wait_ended(both, mailing, SECONDS)
        wait_until(gateway.says_no_more, 60)
        report = audit(both, mailing, gateway.times())
        reached = [phone for phone in stopped if phone in gateway.times()]
        return show(both, report, gateway, reached, same, time.monotonic() - began)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def wait_sent(gateway: Standing, count: int) -> None:
    wait_until(lambda: len(gateway.taken) >= count, SECONDS)


def stop_some(both: TwoReleases, which: str, first: int) -> list[str]:
    """Put numbers that wait on the stop list by a release."""
    both.use(which)
    numbers = [str(79000000000 + number) for number in range(first, first + STOPPED)]
    answer = both.api("POST", "stop-list/", {"phone_numbers": numbers, "reason": which})
    assert answer.status < 300, answer
    return numbers


def pause_and_resume(both: TwoReleases, gateway: Standing, mailing: int) -> bool:
    """Paused by this release and resumed by the one before; whether both told the same between."""
    both.use("now")
    command(both, mailing, "pause")
    wait_until(lambda: not read(both, mailing)["progress"]["sending"], 30)
    wait_until(gateway.says_no_more, 60)
    with suppress(TimeoutError):
        wait_until(lambda: progress(both, mailing, "now") == progress(both, mailing, "before"), 20)
    told = [progress(both, mailing, which) for which in ("now", "before")]
    print("both told of the paused mailing:", *told, flush=True)
    command(both, mailing, "resume")
    return told[0] == told[1]


def progress(both: TwoReleases, mailing: int, which: str) -> dict[str, int]:
    """What a release tells of the mailing."""
    both.use(which)
    told: dict[str, int] = read(both, mailing)["progress"]
    return told


def show(
    both: TwoReleases,
    report: AuditReport,
    gateway: Standing,
    reached: list[str],
    same: bool,
    seconds: float,
) -> bool:
    """Print the figures; whether all of them are right."""
    trouble = both.trouble()
    senders = Counter(entry.sender for entry in gateway.taken)
    figures: dict[str, Any] = {
        "matched": report.matched,
        "arrived": report.arrived,
        "sent by the release before": senders["before"],
        "sent by this release": senders["now"],
        "states": report.rows,
        "doubled": len(report.doubled),
        "lost": len(report.lost),
        "recorded as sent, never arrived": len(report.false_sent),
        "sent to although stopped": len(reached),
        "sums are right": report.adds_up,
        "both told the same of the paused mailing": same,
        "receipts refused": gateway.sandbox.receipts.refused,
        "lines of errors in logs": {name: len(lines) for name, lines in trouble.items()},
        "seconds": round(seconds),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    # The release before meets deadlocks with the migration: it answers 503, or tries again.
    ours = {name: lines for name, lines in trouble.items() if name.endswith(".now")}
    print(*(line for lines in ours.values() for line in lines), sep="\n", end="")
    wrong = report.doubled or report.lost or report.false_sent or reached or ours
    both_sent = senders["before"] > MIGRATE_AT and senders["now"] > CLIENTS - END_AT
    suppressed = report.rows["suppressed"] == 2 * STOPPED
    right = report.adds_up and same and both_sent and suppressed and not wrong
    return report.matched == CLIENTS and right


if __name__ == "__main__":
    holds = main(Path(sys.argv[1]) if sys.argv[1:] else None)
    print("holds" if holds else "BROKEN")
    sys.exit(not holds)

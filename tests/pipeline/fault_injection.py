"""Mailings while clocks are wrong and processes are frozen: rows of `make chaos`.

Four things run at the same time, and each message is checked at the gateway: a rate-limited mailing
to all clients, one that its end cuts off, one that its clients' hours cut off, and every few
seconds a scheduled mailing to one client. Every few seconds a number is put on the stop list.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.error import URLError
from zoneinfo import ZoneInfo

from tests.gateways.standing import Standing
from tests.pipeline.deployment import Deployment, Host, another_host
from tests.pipeline.frozen import (
    frozen_in_a_chunk,
    frozen_in_a_request,
    frozen_in_a_tick,
    stopped,
)
from tests.pipeline.gateways import http
from tests.pipeline.mailings import TEXT, audit, wait_ended
from tests.stack.embedded_servers import wait_until

HEADER = [
    "what was wrong",
    "matched",
    "arrived",
    "doubled",
    "lost",
    "unknown",
    "after the end, the hours or a STOP",
    "latest start",
    "while one was frozen",
    "slowest STOP",
    "adds up",
    "took",
]
SECONDS = 80.0
PROBE_EVERY = 3.0
#: The audiences of the mailings, by the tag of their clients.
SIZES = {
    "paced": 4_800,
    "ended": 2_000,
    "hours": 2_000,
    "probe": 60,
    "first chunk": 6_000,
    "second chunk": 6_000,
}
FIRST = {kind: 10_000 * place for place, kind in enumerate(SIZES)}
ZONE = ZoneInfo("Europe/Moscow")
MOST_LATE, MOST_LATE_FROZEN, MOST_STOP = 1.0, 10.0, 5.0
#: Seconds in which a flight may leave that was marked before a STOP, or before a clock was set.
GRACE = 1.75
STARTED = """
SELECT c.phone_number, extract(epoch FROM g.started_at - g.starts_at)::float8
FROM mailings_mailing g JOIN dispatch_message m ON m.mailing_id = g.id
JOIN audience_client c ON c.id = m.client_id WHERE c.tag LIKE 'probe%%'
"""
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
CLIENTS = """
INSERT INTO audience_client (phone_number, operator_code, tag, timezone, attributes)
SELECT (79000000000 + n)::text, '900', %s, 'Europe/Moscow', '{}'
FROM generate_series(%s::bigint, %s::bigint) AS n
"""
ONE_OF_THE_PROBES = """
UPDATE audience_client SET tag = 'probe' || right(phone_number, 2) WHERE tag = 'probe'
"""


def phone(kind: str, number: int) -> str:
    return str(79000000000 + FIRST[kind] + number)


@dataclass
class Found:
    """The result of one fault."""

    what: str
    seconds: float = 0.0
    matched: int = 0
    arrived: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unknown: int = 0
    after: list[str] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    late_frozen: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    adds_up: bool = True

    @property
    def holds(self) -> bool:
        """Return whether all guarantees held."""
        broken = self.doubled or self.lost or self.after or not self.adds_up
        in_time = max(self.late, default=0.0) <= MOST_LATE
        in_time_frozen = max(self.late_frozen, default=0.0) <= MOST_LATE_FROZEN
        return bool(not broken and in_time and in_time_frozen and self.stops) and (
            max(self.stops) <= MOST_STOP
        )

    def cells(self) -> list[str]:
        numbers = [self.matched, self.arrived, len(self.doubled), len(self.lost), self.unknown]
        return [
            self.what,
            *(f"{number:,}" for number in [*numbers, len(self.after)]),
            _seconds(self.late),
            _seconds(self.late_frozen),
            _seconds(self.stops),
            "yes" if self.adds_up else "NO",
            f"{self.seconds:.0f} s",
        ]


def _seconds(found: list[float]) -> str:
    return f"{max(found):.1f} s" if found else "–"


@dataclass(frozen=True)
class Fault:
    """A fault that is injected while the mailings run."""

    name: str
    what: str
    wrong: "Callable[[Workload], None]"
    clocks: bool = False
    own_host: bool = False


class Workload:
    """The running mailings of one fault."""

    def __init__(self, stack: Deployment, gateway: Standing) -> None:
        self.stack, self.gateway = stack, gateway
        self.began = time.monotonic()
        self.over = threading.Event()
        self.mailings: dict[str, int] = {}
        self.ends: dict[str, float] = {}
        self.due: dict[str, tuple[float, float]] = {}
        self.stopped: dict[str, float] = {}
        self.stops: list[float] = []
        self.frozen: list[tuple[float, float]] = []
        self.probes: list[int] = []
        #: Held during a request to the API, so that the web process is not frozen in it.
        self.asking = threading.Lock()

    # --- mailings ------------------------------------------------------------------------------

    def fill(self) -> None:
        for kind, size in SIZES.items():
            self.stack.sql(CLIENTS, (kind, FIRST[kind], FIRST[kind] + size - 1))
        self.stack.sql(ONE_OF_THE_PROBES)

    def start(self) -> None:
        now = self.database_now()
        self.begin("paced", rate=SIZES["paced"] / SECONDS)
        self.begin("ended", ends=now + 0.6 * SECONDS, rate=20)
        closes = datetime.fromtimestamp(now + SECONDS, ZONE).replace(second=0, microsecond=0)
        opens = closes - timedelta(hours=6)
        hours = {"from": f"{opens:%H:%M}", "until": f"{closes:%H:%M}"}
        self.begin("hours", ends=closes.timestamp() + 20, rate=20, local_hours=hours)
        self.ends["hours"] = closes.timestamp()

    def begin(self, kind: str, *, ends: float | None = None, rate: float, **more: object) -> None:
        now = self.database_now()
        self.ends[kind] = ends or now + 3600
        self.mailings[kind] = self.create(
            filter={"tags": [kind]},
            starts_at=_instant(now),
            ends_at=_instant(self.ends[kind]),
            rate_limit=int(rate),
            **more,
        )

    def create(self, **body: object) -> int:
        answer = self.stack.api("POST", "mailings/", {"text": TEXT, "provider": "main", **body})
        assert answer.status == 201, answer.body
        return int(answer.body["id"])

    def database_now(self) -> float:
        [(now,)] = self.stack.sql(NOW)
        return float(now)

    def sleep_until(self, seconds: float) -> None:
        """Sleep until that many seconds of the fault have passed."""
        time.sleep(max(0.0, self.began + seconds - time.monotonic()))

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Record the time of the block, and two seconds to recover, as a time with a frozen
        process."""
        since = time.time()
        try:
            yield
        finally:
            self.frozen.append((since - PROBE_EVERY, time.time() + 2.0))

    # --- requests meanwhile --------------------------------------------------------------------

    def probe(self) -> None:
        """Schedule a mailing to one client and stop a number, repeatedly."""
        for number in range(SIZES["probe"]):
            with self.asking, suppress(URLError, OSError):
                self._start_one(number)
            with self.asking, suppress(URLError, OSError):
                self._stop_one(number)
            if self.over.wait(PROBE_EVERY):
                return

    def _start_one(self, number: int) -> None:
        starts = self.database_now() + 2.0
        self.probes.append(
            self.create(
                filter={"tags": [f"probe{number:02}"]},
                starts_at=_instant(starts),
                ends_at=_instant(starts + 3600),
            )
        )
        self.due[phone("probe", number)] = (starts, time.time())

    def _stop_one(self, number: int) -> None:
        """Stop one of the last clients of the rate-limited mailing."""
        last = phone("paced", SIZES["paced"] - 1 - number)
        began = time.monotonic()
        answer = self.stack.api("POST", "stop-list/", {"phone_numbers": [last]})
        self.stops.append(time.monotonic() - began)
        assert answer.status == 200, answer.body
        self.stopped[last] = time.time()

    # --- results --------------------------------------------------------------------------------

    def audited(self, what: str) -> Found:
        found = Found(what, stops=self.stops)
        at: defaultdict[str, list[float]] = defaultdict(list)
        for taken in self.gateway.taken:
            at[taken.phone_number].append(taken.at)
        found.doubled = [number for number, times in at.items() if len(times) > 1]
        for kind, mailing in self.mailings.items():
            self._audit_mailing(kind, mailing, at, found)
        self._check_starts(at, found)
        found.after += [
            number
            for number, when in self.stopped.items()
            if any(taken > when + GRACE for taken in at.get(number, ()))
        ]
        found.seconds = time.monotonic() - self.began
        return found

    def _audit_mailing(
        self, kind: str, mailing: int, at: Mapping[str, list[float]], found: Found
    ) -> None:
        numbers = {phone(kind, n) for n in range(SIZES[kind])}
        times = {number: len(at[number]) for number in numbers if number in at}
        report = audit(self.stack, mailing, times)
        found.matched += report.matched
        found.arrived += report.arrived
        found.lost += [*report.lost, *report.false_sent]
        found.unknown += report.rows.get("unknown", 0)
        found.adds_up = found.adds_up and report.adds_up
        found.after += [
            number
            for number in times
            for taken in at[number]
            if taken + self._database_ahead(taken) >= self.ends[kind] and not self._stepped(taken)
        ]

    def _check_starts(self, at: Mapping[str, list[float]], found: Found) -> None:
        """Compute the delays of starts: by the message's arrival, or by the launch if a process was
        frozen.

        A message that a frozen worker has claimed leaves only after the lease.
        """
        started = dict(self.stack.sql(STARTED))
        for number, (starts, asked) in self.due.items():
            if number not in at:
                found.lost.append(number)
                continue
            due, arrived = self._true_instant(starts, asked), at[number][0]
            if any(since <= arrived and due <= until for since, until in self.frozen):
                found.late_frozen.append(started[number])
            else:
                found.late.append(arrived - due)

    def _true_instant(self, instant: float, after: float) -> float:
        """Return the true time at which the database's clock first showed that instant."""
        if self.stack.clocks is None:
            return instant
        steps = self.stack.clocks.steps.get("postgres", [])
        known = [(after, self._database_ahead(after)), *(s for s in steps if s[0] > after)]
        ends = [since for since, _ in known[1:]] + [float("inf")]
        for (since, ahead), end in zip(known, ends, strict=True):
            if instant - ahead < end:
                return max(since, instant - ahead)
        return instant

    def _database_ahead(self, at: float) -> int:
        return self.stack.clocks.ahead("postgres", at) if self.stack.clocks else 0

    def _stepped(self, at: float) -> bool:
        return self.stack.clocks is not None and self.stack.clocks.stepped_near(at, GRACE)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def run_fault(fault: Fault) -> Found:
    """Run one fault: start the servers, send the mailings, check the results."""
    if fault.own_host:
        with another_host() as host:
            return _run(fault, host)
    return _run(fault, None)


def _run(fault: Fault, host: Host | None) -> Found:
    wishes = {"delay": 0.01}
    where = {"host": host.near} if host else {}
    with (
        Standing(**where, **wishes) as gateway,
        Deployment(http(gateway, "main", deadline="1"), clocks=fault.clocks, host=host) as stack,
    ):
        workload = Workload(stack, gateway)
        workload.fill()
        workload.start()
        prober = threading.Thread(target=workload.probe)
        prober.start()
        try:
            fault.wrong(workload)
            workload.sleep_until(SECONDS)
        finally:
            workload.over.set()
            prober.join()
        for mailing in [*workload.mailings.values(), *workload.probes]:
            wait_ended(stack, mailing, seconds=150)
        wait_until(gateway.says_no_more, 60)
        return workload.audited(fault.what)


# --- faults ---------------------------------------------------------------------------------------

#: Ahead, behind, a step forward by forty seconds, a step back by forty.
STEPS = ((8.0, 10), (24.0, -10), (40.0, 30), (56.0, -10), (72.0, 0))
FROZEN_FOR = 15.0


def move_clocks(*names: str) -> Callable[[Workload], None]:
    def move(workload: Workload) -> None:
        assert workload.stack.clocks is not None
        for moment, seconds in STEPS:
            workload.sleep_until(moment)
            for name in names:
                workload.stack.clocks.step(name, seconds)

    return move


def freeze_in_chunks(workload: Workload) -> None:
    for moment, kind in ((8.0, "first chunk"), (40.0, "second chunk")):
        workload.sleep_until(moment)
        workload.begin(kind, rate=2_000)
        with frozen_in_a_chunk(workload.stack), workload.noted():
            time.sleep(FROZEN_FOR)


def freeze_in_ticks(workload: Workload) -> None:
    for moment in (8.0, 40.0):
        workload.sleep_until(moment)
        with frozen_in_a_tick(workload.stack), workload.noted():
            time.sleep(FROZEN_FOR)


def freeze_the_scheduler(workload: Workload) -> None:
    """Freeze `vestnik beat` while it runs the scheduler."""
    workload.sleep_until(8.0)
    for _ in range(50):
        with frozen_in_a_tick(workload.stack) as pid, workload.noted():
            if pid == workload.stack.pids["beat"]:
                time.sleep(FROZEN_FOR)
                return


def freeze_with_leases(workload: Workload) -> None:
    for moment, name in ((8.0, "worker.1"), (40.0, "worker.2")):
        workload.sleep_until(moment)
        with stopped(workload.stack.pids[name]), workload.noted():
            time.sleep(FROZEN_FOR)


def freeze_in_requests(workload: Workload) -> None:
    for moment, number in ((8.0, 0), (40.0, 1)):
        workload.sleep_until(moment)
        body = {"phone_numbers": [phone("ended", SIZES["ended"] - 1 - number)]}

        def ask(body: object = body) -> None:
            with suppress(URLError, OSError):
                workload.stack.api("POST", "stop-list/", body)

        with ExitStack() as freezing:
            with workload.asking:
                freezing.enter_context(frozen_in_a_request(workload.stack, ask))
            freezing.enter_context(workload.noted())
            time.sleep(FROZEN_FOR)


def lose_a_host(workload: Workload) -> None:
    """Freeze a worker permanently, in the middle of a chunk, with its claimed batches."""
    workload.sleep_until(8.0)
    assert workload.stack.host is not None
    with workload.noted():
        with stopped(workload.stack.pids["worker.1"]):  # so that it is the other that enlists
            workload.begin("first chunk", rate=2_000)
            with frozen_in_a_chunk(workload.stack) as pid:
                assert pid == workload.stack.pids["worker.2"]
                workload.stack.host.vanish()
        time.sleep(2 * FROZEN_FOR)


FAULTS = [
    *(
        Fault(
            f"clock of {name}",
            f"clock of {what}: 10 s ahead, 10 s behind, stepped by 40 s on and back",
            move_clocks(*names),
            clocks=True,
        )
        for name, what, names in (
            ("web", "the web", ("web",)),
            ("worker", "the workers", ("worker.1", "worker.2")),
            ("scheduler", "the scheduler", ("beat",)),
            ("redis", "Redis", ("valkey",)),
            ("postgres", "PostgreSQL", ("postgres",)),
        )
    ),
    Fault("frozen tick", "a process frozen in its tick × 2", freeze_in_ticks),
    Fault("frozen scheduler", "the scheduler frozen in its tick", freeze_the_scheduler),
    Fault("frozen chunk", "a worker frozen in a chunk of an audience × 2", freeze_in_chunks),
    Fault("frozen lease", "each worker frozen past its leases", freeze_with_leases),
    Fault("frozen request", "the web frozen in a STOP × 2", freeze_in_requests),
    Fault("lost host", "a worker's host gone without a FIN", lose_a_host, own_host=True),
]

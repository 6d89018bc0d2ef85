"""Measures how mailings share a provider, and how late they start when many start together."""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import redis

from bench import shapes
from bench.latency import p95
from bench.report import Report
from tests.pipeline.mailings import create, fill, instant, read
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

Row = list[str]

JAIN_SECONDS = 20
TAGGED = "UPDATE audience_client SET tag = 'one' WHERE id = (SELECT min(id) FROM audience_client)"
LATE = """
SELECT extract(epoch FROM m.started_at - m.starts_at)::float8,
    extract(epoch FROM min(s.sent_at) - m.starts_at)::float8
FROM mailings_mailing m LEFT JOIN dispatch_message s ON s.mailing_id = m.id
WHERE m.id = ANY(%s) GROUP BY m.id
"""
SENT_AT = """
SELECT extract(epoch FROM sent_at)::float8 FROM dispatch_message
WHERE mailing_id = ANY(%s) AND sent_at IS NOT NULL ORDER BY 1
"""
START_SOON = """
UPDATE mailings_mailing SET starts_at = clock_timestamp() + interval '5 seconds' WHERE id = ANY(%s)
"""
FALSE_LINES = ("the broker accepts no messages",)


def fairness(_: RunningStack, report: Report, scale: float) -> None:
    """Run all parts, with stacks of its own."""
    parts: Sequence[Callable[[Report, float], list[Row]]] = (
        _twenty_equal,
        _two_limited,
        _large_and_new,
        _in_time,
        _closes_first,
        _at_once,
        _beside_large,
        _eight_providers,
    )
    rows = [row for part in parts for row in part(report, scale)]
    report.table(
        "How mailings share a provider, two worker processes", ["what", "measured", "wanted"], rows
    )


@contextmanager
def _stack(**rates: int) -> Iterator[RunningStack]:
    """Run a stack with console providers of these rates, and a null provider without one."""
    environ = {"SMS_PROVIDER_NULL_BACKEND": "null", "SMS_PROVIDER_NULL_WINDOW": "250"}
    for alias, rate in rates.items():
        environ[f"SMS_PROVIDER_{alias}_BACKEND".upper()] = "console"
        environ[f"SMS_PROVIDER_{alias}_MAX_RATE".upper()] = str(rate)
    with RunningStack(workers=2, environ=environ) as stack:
        yield stack


def jain(got: Sequence[float]) -> float:
    """Return Jain's index: 1 for equal shares, 1/n if one gets all."""
    squares = len(got) * sum(value * value for value in got)
    return sum(got) ** 2 / squares if squares else 0.0


def _times(stack: RunningStack, mailings: Sequence[int]) -> dict[int, list[float]]:
    """Return the times at which each mailing's messages were at the console."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for sent in stack.sent():
        found[sent.mailing].append(sent.line.monotonic)
    return {mailing: found[mailing] for mailing in mailings}


def _wait_finished(stack: RunningStack, mailings: Sequence[int], seconds: float = 600) -> None:
    query = "SELECT count(*) FROM mailings_mailing WHERE state = 'finished' AND id = ANY(%s)"
    wait_until(lambda: stack.sql(query, ([*mailings],)) == [(len(mailings),)], seconds)


def _longest_gap(times: Sequence[float], since: float, until: float) -> float:
    within = [since, *(at for at in times if since < at < until), until]
    return max(later - earlier for earlier, later in pairwise(within))


def _create_equal(stack: RunningStack, count: int, starts_in: float, provider: str) -> list[int]:
    """Create mailings to all clients that start in the same moment; return their ids."""
    begin = time.monotonic() + starts_in
    return [
        create(stack, starts_in=begin - time.monotonic(), ends_in=3600, provider=provider)
        for _ in range(count)
    ]


def _twenty_equal(report: Report, scale: float) -> list[Row]:
    seconds = max(30.0, 60 * scale)
    with _stack(slow=10) as stack:
        fill(stack, 100)
        stack.sql(
            "UPDATE audience_client SET tag = 'few' WHERE id IN "
            "(SELECT id FROM audience_client ORDER BY id LIMIT 5)"
        )
        mailings = _create_equal(stack, 20, starts_in=6.0, provider="slow")
        wait_until(lambda: any(stack.sent()), seconds=30)
        began = time.monotonic()
        time.sleep(seconds / 2)
        joined = time.monotonic()
        few = create(stack, provider="slow", filter={"tags": ["few"]}, ends_in=3600)
        time.sleep(seconds / 2)
        ended = time.monotonic()
        times = _times(stack, mailings)
        of_few = _times(stack, [few])[few]
    starts = [began + n for n in range(int(ended - began - JAIN_SECONDS) + 1)]
    least = min(
        jain([sum(s <= at < s + JAIN_SECONDS for at in times[one]) for one in mailings])
        for s in starts
    )
    gap = max(_longest_gap(times[one], began, joined) for one in mailings)
    through = of_few[4] - joined if len(of_few) >= 5 else float("inf")
    report.figure("fairness_jain_20", least)
    if through < float("inf"):
        report.figure("fairness_five_join_s", through)
    report.figure("fairness_20_longest_gap_s", gap)
    return [
        ["20 equal mailings on 10/s: least Jain's index of 20 s", f"{least:.3f}", "0.95"],
        ["five messages that join them are through after", f"{through:.1f} s", "5 s"],
        [
            "the longest that one of the 20 stands still (their turn is each 2 s)",
            f"{gap:.1f} s",
            "2 s",
        ],
    ]


def _two_limited(report: Report, scale: float) -> list[Row]:
    seconds = max(10.0, 20 * scale)
    with _stack(fifty=50) as stack:
        fill(stack, 2000)
        pair = [
            create(stack, starts_in=3.0, ends_in=3600, provider="fifty", rate_limit=40)
            for _ in range(2)
        ]
        wait_until(lambda: any(stack.sent()), seconds=30)
        time.sleep(seconds)
        got = Counter(sent.mailing for sent in stack.sent())
    counts = [got[one] for one in pair]
    report.figure("fairness_two_limited", min(counts) / max(counts))
    return [
        [
            f"two mailings of 40/s under a pace of 50: messages after {seconds:.0f} s",
            f"{counts[0]} and {counts[1]}",
            "equal",
        ]
    ]


def _large_and_new(report: Report, scale: float) -> list[Row]:
    with _stack(quick=2000) as stack:
        fill(stack, 60_000)
        large = create(stack, ends_in=3600, provider="quick")
        wait_until(lambda: sum(1 for _ in stack.sent(large)) > 24_000, seconds=60)
        new = [create(stack, ends_in=3600, provider="quick") for _ in range(2)]
        joined = time.monotonic()
        time.sleep(10)
        until = time.monotonic()
        times = _times(stack, [large, *new])
    gap = _longest_gap(times[large], joined, until)
    got = [sum(joined + 2 < at < until for at in times[one]) for one in (large, *new)]
    report.figure("fairness_large_gap_s", gap)
    return [
        ["a mailing at batch 24 stands still while two new ones run", f"{gap:.2f} s", "2 s"],
        ["what each of the three gets in 8 s", ", ".join(map(str, got)), "equal"],
    ]


def _in_time(report: Report, scale: float) -> list[Row]:
    with _stack(fifty=50) as stack:
        fill(stack, 1200)
        stack.sql("UPDATE audience_client SET tag = 'half' WHERE mod(id, 2) = 0")
        easy = [create(stack, starts_in=4, ends_in=300, provider="fifty") for _ in range(3)]
        tight = create(stack, starts_in=4, ends_in=24, provider="fifty", filter={"tags": ["half"]})
        wait_until(lambda: read(stack, tight)["state"] == "finished", seconds=60)
        progress = read(stack, tight)["progress"]
        for one in easy:
            stack.api("POST", f"mailings/{one}/cancel/")
    report.figure("fairness_expired_tight", progress["expired"])
    return [
        [
            "600 that need 30/s beside three mailings of 1,200 with time, on 50/s: expired",
            f"{progress['expired']}",
            "0",
        ]
    ]


def _closes_first(report: Report, scale: float) -> list[Row]:
    """Samara closes within two minutes, Moscow an hour later."""
    with _stack(twenty=20) as stack:
        fill(stack, 1800)
        stack.sql(
            "UPDATE audience_client SET timezone = "
            "CASE WHEN mod(id, 2) = 0 THEN 'Europe/Samara' ELSE 'Europe/Moscow' END"
        )
        now = datetime.now(UTC).astimezone(ZoneInfo("Europe/Samara"))
        closes = (now + timedelta(seconds=120)).replace(second=0, microsecond=0)
        opens = closes - timedelta(hours=8)
        hours = {"from": f"{opens:%H:%M}", "until": f"{closes:%H:%M}"}
        body = {"text": "Hi", "filter": {}, "provider": "twenty", "local_hours": hours}
        body |= {"starts_at": instant(0), "ends_at": instant(600)}
        forecast = stack.api("POST", "mailings/preview/", body).body["forecast"]
        mailing = create(stack, ends_in=600, provider="twenty", local_hours=hours)
        wait_until(lambda: any(stack.sent(mailing)), seconds=30)
        with suppress(TimeoutError):  # what did not leave before the hours closed waits for a day
            wait_until(lambda: sum(1 for _ in stack.sent(mailing)) == 1800, seconds=150)
        sent = [at for (at,) in stack.sql(SENT_AT, ([mailing],))]
    foreseen = forecast["finishes_at"] and datetime.fromisoformat(forecast["finishes_at"])
    took = sent[-1] - sent[0]
    wanted = foreseen.timestamp() - sent[0] if foreseen else 0.0
    off = abs(took - wanted) / took
    report.figure("fairness_expired_hours", 1800 - len(sent))
    report.figure("fairness_forecast_off", off)
    return [
        [
            "900 whose hours close in a minute beside 900 in Moscow, on 20/s: expired",
            f"{1800 - len(sent)}",
            "0",
        ],
        ["by how much the forecast of that was wrong", f"{100 * off:.1f} %", "5 %"],
    ]


def _at_once(report: Report, scale: float) -> list[Row]:
    count = max(50, int(500 * scale))
    with _stack() as stack:
        fill(stack, 5)
        mailings = [
            create(stack, starts_in=3600, ends_in=7200, provider="null") for _ in range(count)
        ]
        stack.sql(START_SOON, (mailings,))
        _wait_finished(stack, mailings, 180)
        late = stack.sql(LATE, (mailings,))
        lies = sum(word in line.text for line in stack.lines for word in FALSE_LINES)
    started, first = ([row[n] for row in late] for n in (0, 1))
    report.figure("fairness_many_start_p95_s", p95(started))
    report.figure("fairness_many_first_p95_s", p95(first))
    return [
        [f"{count} mailings of 5 in one second: start late, p95", f"{p95(started):.2f} s", "1 s"],
        ["their first message late, p95", f"{p95(first):.2f} s", "1 s"],
        ["false lines of a broker that is away", f"{lies}", "0"],
    ]


def _beside_large(report: Report, scale: float) -> list[Row]:
    clients, found = max(1000, int(100_000 * scale)), []
    with _stack() as stack:
        fill(stack, clients)
        stack.sql(TAGGED)
        for _ in range(3):
            shapes.clear(stack)
            ahead = time.monotonic() + 6.0
            large = _create_equal(stack, 20, starts_in=6.0, provider="null")
            one = create(
                stack,
                starts_in=ahead - time.monotonic(),
                ends_in=3600,
                provider="null",
                filter={"tags": ["one"]},
            )
            _wait_finished(stack, [one, *large])
            found.append(stack.sql(LATE, ([one],))[0][1])
    report.figure("fairness_one_person_late_s", max(found))
    return [
        [
            f"one person beside 20 mailings of {clients:,} that start together: late, thrice",
            ", ".join(f"{late:.2f} s" for late in found),
            "0.5 s",
        ]
    ]


def _eight_providers(report: Report, scale: float) -> list[Row]:
    seconds = max(10.0, 20 * scale)
    with _stack(**{f"p{n}": 20 for n in range(8)}) as stack:
        fill(stack, 5000)
        stack.sql(TAGGED)
        for n in range(8):
            create(stack, ends_in=3600, provider=f"p{n}")
        wait_until(lambda: len({sent.mailing for sent in stack.sent()}) == 8, seconds=30)
        time.sleep(3)
        new = [
            create(
                stack, starts_in=3.0 + n * 1.3, ends_in=3600, provider="null",
                filter={"tags": ["one"]},
            )
            for n in range(int(seconds / 2))
        ]  # fmt: skip
        before, busy = _published(stack), _busy(stack)
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        wakeups, cores = (_published(stack) - before) / took, (_busy(stack) - busy) / took
        late = [first for _, first in stack.sql(LATE, (new,)) if first is not None]
    report.figure("fairness_hints_per_s", wakeups)
    report.figure("fairness_worker_cores", cores)
    report.figure("fairness_paced_start_late_s", max(late, default=99.0))
    return [
        ["eight providers of 20/s: hints a second in all", f"{wakeups:.0f}", "30"],
        ["cores that the workers use meanwhile", f"{cores:.2f}", ""],
        [
            f"{len(late)} of {len(new)} mailings that start meanwhile, first message late: "
            "median, worst",
            f"{statistics.median(late or [99.0]):.3f} s, {max(late, default=99.0):.3f} s",
            "0.2 s",
        ],
    ]


def _published(stack: RunningStack) -> int:
    """Return the number of messages published to the broker so far."""
    with redis.Redis.from_url(stack.redis_url) as client:
        found = client.info("commandstats").get("cmdstat_lpush", {"calls": 0})
    return int(found["calls"])


def _busy(stack: RunningStack) -> float:
    """Return the seconds of processor time of the workers."""
    total = 0
    for name, pid in stack.pids.items():
        if name.startswith("worker"):
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / 100

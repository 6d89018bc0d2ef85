"""The cost of a message by the size of its mailing: time, row writes, bytes on disk, memory."""

import statistics
import time
from dataclasses import dataclass, field

from bench import shapes
from bench.memory import Watch
from bench.report import Report
from tests.pipeline.mailings import fill
from tests.stack.running import RunningStack

REPEATS = 3
SMALL, LARGE, HUGE = 10_000, 1_000_000, 10_000_000

# The row writes of the pipeline: messages, batches, the progress of enlisting and so on.
WRITES = """
SELECT sum(n_tup_ins + n_tup_upd)::bigint,
    sum(n_tup_upd) FILTER (WHERE relname = 'dispatch_message')::bigint,
    sum(n_tup_hot_upd) FILTER (WHERE relname = 'dispatch_message')::bigint
FROM pg_stat_user_tables WHERE relname LIKE 'dispatch_%%'
"""
BYTES = """
SELECT (pg_total_relation_size('dispatch_message') + pg_total_relation_size('dispatch_batch'))
    ::bigint
"""
# An idle connection reports its writes within ten seconds (PostgreSQL, 27.2.2).
TOLD_AFTER = 11


@dataclass
class Size:
    """The figures of mailings of one size."""

    clients: int
    micros: list[float] = field(default_factory=list)
    writes: float = 0.0
    hot: float = 0.0
    bytes: float = 0.0
    peaks: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.micros)


def growth(stack: RunningStack, report: Report, scale: float) -> None:
    """Measure mailings of 10,000 and of 1,000,000 in turn, then one of 10,000,000."""
    small, large, huge = (Size(int(clients * scale)) for clients in (SMALL, LARGE, HUGE))
    for size in [small, large] * REPEATS + [huge]:
        _run(stack, size)
    report.table(
        "Growth: what a message costs, and peak anonymous MiB of the largest process of each kind",
        ["clients", "runs", "µs", "row writes", "updates in place", "bytes", *small.peaks],
        [_row(size) for size in (small, large, huge)],
    )
    report.figure("time_per_message_1m_vs_10k", large.median / small.median)
    report.figure("time_per_message_10m_vs_1m", huge.median / large.median)
    report.figure("memory_growth_mib", _grown(small, large))
    report.figure("memory_growth_10m_mib", _grown(small, huge))
    report.figure("row_writes_per_message", huge.writes)
    report.figure("bytes_per_message", huge.bytes)


def _run(stack: RunningStack, size: Size) -> None:
    fill(stack, size.clients)
    shapes.clear(stack)
    time.sleep(TOLD_AFTER)
    before = _written(stack)
    with Watch(stack) as watch:
        took = shapes.pipeline(stack, size.clients)
    time.sleep(TOLD_AFTER)
    rows, updated, in_place = (
        now - then for now, then in zip(_written(stack), before, strict=True)
    )
    size.micros.append(took / size.clients * 1e6)
    size.writes, size.hot = rows / size.clients, in_place / updated
    size.bytes = stack.sql(BYTES)[0][0] / size.clients
    for who, mib in watch.peaks.items():
        size.peaks[who] = max(size.peaks.get(who, 0.0), mib)


def _written(stack: RunningStack) -> tuple[int, int, int]:
    rows, updated, in_place = stack.sql(WRITES)[0]
    return int(rows), int(updated), int(in_place)


def _row(size: Size) -> list[str]:
    return [
        f"{size.clients:,}",
        str(len(size.micros)),
        f"{size.median:.1f}",
        f"{size.writes:.2f}",
        f"{size.hot:.0%}",
        f"{size.bytes:.0f}",
        *(f"{mib:.0f}" for mib in size.peaks.values()),
    ]


def _grown(small: Size, large: Size) -> float:
    """Return the largest growth of memory of a process."""
    return max(large.peaks[who] - small.peaks[who] for who in small.peaks)

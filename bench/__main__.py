"""`python -m bench`: everything; `python -m bench speed latency growth`: only these."""

import argparse
import statistics
from collections.abc import Callable

from bench import gateways, latency, shapes
from bench.audience import audience
from bench.imports import imports
from bench.memory import Watch
from bench.pages import pages
from bench.report import Report
from bench.viewers import viewers
from tests.pipeline.mailings import fill
from tests.stack.running import RunningStack

REPEATS = 3
ENVIRON = {"SMS_PROVIDER_NULL_BACKEND": "null", "SMS_PROVIDER_NULL_WINDOW": "250"}


def speed(stack: RunningStack, report: Report, scale: float) -> None:
    """The whole pipeline against the usual design and against COPY."""
    many, few = int(200_000 * scale), int(5_000 * scale)
    fill(stack, many)
    runs: dict[str, list[float]] = {"pipeline": [], "usual": [], "copy": []}
    for _ in range(REPEATS):
        shapes.clear(stack)
        runs["pipeline"].append(many / shapes.pipeline(stack, many))
        shapes.clear(stack)
        runs["usual"].append(few / shapes.usual(stack, few))
        shapes.clear(stack)
        runs["copy"].append(many / shapes.copied(stack, many))
    rate = {name: statistics.median(found) for name, found in runs.items()}
    report.table(
        "Messages per second, null provider, two worker processes",
        ["shape", "messages", "median", "runs"],
        [
            ["the pipeline, enlist to close", f"{many:,}", *shown(runs["pipeline"])],
            ["the usual design, a task a message", f"{few:,}", *shown(runs["usual"])],
            ["COPY, 1,000 rows a transaction", f"{many:,}", *shown(runs["copy"])],
        ],
    )
    report.figure("pipeline_vs_usual", rate["pipeline"] / rate["usual"])
    report.figure("pipeline_vs_copy", rate["pipeline"] / rate["copy"])


def shown(runs: list[float]) -> list[str]:
    return [f"{statistics.median(runs):,.0f}", ", ".join(f"{run:,.0f}" for run in runs)]


def delays(stack: RunningStack, report: Report, scale: float) -> None:
    """How soon the first message is at the console."""
    starts = latency.start_delays(stack, max(10, int(100 * scale)))
    firsts = latency.first_messages(stack, 20)
    report.table(
        "Delay of the first message, milliseconds",
        ["of a mailing", "runs", "least", "median", "p95", "worst"],
        [
            ["scheduled 3 s ahead, after its start time", *of(starts)],
            ["created due, after the answer", *of(firsts)],
        ],
    )
    report.figure("start_delay_median_ms", statistics.median(starts))
    report.figure("start_delay_worst_ms", max(starts))
    report.figure("first_message_p95_ms", latency.p95(firsts))


def of(values: list[float]) -> list[str]:
    numbers = [min(values), statistics.median(values), latency.p95(values), max(values)]
    return [str(len(values)), *(f"{number:.1f}" for number in numbers)]


def growth(stack: RunningStack, report: Report, scale: float) -> None:
    """Time per message and memory at 1,000,000 against 10,000."""
    sizes = {"10,000": int(10_000 * scale), "1,000,000": int(1_000_000 * scale)}
    times: dict[str, list[float]] = {name: [] for name in sizes}
    peaks: dict[str, dict[str, float]] = {}
    for _ in range(REPEATS):
        for name, count in sizes.items():
            fill(stack, count)
            shapes.clear(stack)
            with Watch(stack) as watch:
                took = shapes.pipeline(stack, count)
            times[name].append(took / count * 1e6)
            kept = peaks.setdefault(name, {})
            kept.update({who: max(kept.get(who, 0), mib) for who, mib in watch.peaks.items()})
    report.table(
        "Growth: µs per message, and peak anonymous MiB of the largest process of each kind",
        ["clients", "µs a message", *peaks["10,000"]],
        [
            [name, f"{statistics.median(times[name]):.1f}", *(f"{m:.0f}" for m in kept.values())]
            for name, kept in peaks.items()
        ],
    )
    small, large = peaks.values()
    report.figure(
        "time_per_message_1m_vs_10k",
        statistics.median(times["1,000,000"]) / statistics.median(times["10,000"]),
    )
    report.figure("memory_growth_mib", max(large[who] - small[who] for who in small))


def gateways_part(_: RunningStack, report: Report, scale: float) -> None:
    """HTTP and SMPP on loopback; its stacks are its own."""
    gateways.measure(report, scale)


PARTS: dict[str, Callable[[RunningStack, Report, float], None]] = {
    "speed": speed,
    "latency": delays,
    "growth": growth,
    "gateways": gateways_part,
    "import": imports,
    "pages": pages,
    "audience": audience,
    "viewers": viewers,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all of them")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the messages")
    given = parser.parse_args()
    report = Report()
    for name in given.parts or PARTS:
        with RunningStack(workers=2, environ=ENVIRON) as stack:
            PARTS[name](stack, report, given.scale)
        if given.scale == 1.0:
            report.keep()  # after each part: an hour's work is not lost by the last one


if __name__ == "__main__":
    main()

"""`python -m bench` runs all parts; `python -m bench speed latency growth` runs these."""

import argparse
import statistics
from collections.abc import Callable

from bench import gateways, latency, shapes
from bench.audience import audience
from bench.fairness import fairness
from bench.growth import growth
from bench.imports import imports
from bench.pages import pages
from bench.report import Report
from bench.viewers import viewers
from tests.pipeline.mailings import fill
from tests.stack.running import RunningStack

REPEATS = 3
ENVIRON = {"SMS_PROVIDER_NULL_BACKEND": "null", "SMS_PROVIDER_NULL_WINDOW": "250"}


def speed(stack: RunningStack, report: Report, scale: float) -> None:
    """Measure the whole pipeline against the usual design and against COPY."""
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
    """Measure the delay of the first message at the console."""
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


def gateways_part(_: RunningStack, report: Report, scale: float) -> None:
    """Measure HTTP and SMPP on loopback, with stacks of its own."""
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
    "fairness": fairness,
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

"""The workers' own counters and histograms, as metrics."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from vestnik.dispatch.signals.metrics import DELAY_BUCKETS, LATENCY_BUCKETS

Totals = Mapping[str, float]


def worker_metrics(counts: Totals) -> Iterator[Metric]:
    """Yield the metrics that the workers count in Redis."""
    yield _counter(
        counts,
        "hand_overs",
        "Messages handed over to a provider, by outcome.",
        ["provider", "outcome"],
    )
    yield _counter(counts, "permits", "Messages that a rate limit permitted.", ["provider"])
    yield _counter(counts, "hints", "Wake-ups published to the broker, by task.", ["hint"])
    yield _counter(counts, "leases_lost", "Batches whose lease expired.", [])
    yield _counter(counts, "job_failures", "Runs of a periodic job that failed.", ["job"])
    yield _histogram(
        counts,
        "hand_over_seconds",
        "Seconds from the first byte of a message to the provider's answer.",
        LATENCY_BUCKETS,
    )
    yield _histogram(
        counts,
        "start_delay_seconds",
        "Seconds from a mailing's start time to its start.",
        DELAY_BUCKETS,
    )


def _counter(counts: Totals, name: str, what: str, labels: Sequence[str]) -> Metric:
    found = CounterMetricFamily(f"vestnik_{name}", what, labels=labels)
    for values, count in _of(counts, name).items():
        found.add_metric(values[: len(labels)], count)
    return found


def _histogram(counts: Totals, name: str, what: str, buckets: Sequence[float]) -> Metric:
    found = HistogramMetricFamily(f"vestnik_{name}", what, labels=["provider"])
    by_alias: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for (alias, place), count in _of(counts, f"{name}_bucket").items():
        by_alias[alias][int(place)] = count
    sums = _of(counts, f"{name}_sum")
    bounds = [*map(str, buckets), "+Inf"]
    for alias, places in by_alias.items():
        up_to = accumulate(places.get(place, 0.0) for place in range(len(bounds)))
        pairs = list(zip(bounds, up_to, strict=True))
        found.add_metric([alias], pairs, sum_value=sums.get((alias,), 0.0))
    return found


def _of(counts: Totals, name: str) -> dict[tuple[str, ...], float]:
    """Return the counts of a metric by their labels: `hand_overs|main|accepted`."""
    split = ((key.split("|"), count) for key, count in counts.items())
    return {tuple(labels): count for (first, *labels), count in split if first == name}

"""The content of /metrics: gauges from the database, counters and histograms from the workers.

Each request collects them into a registry of its own, so any of several processes can answer.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from vestnik.dispatch.read.backlog import backlogs, in_doubt
from vestnik.dispatch.read.breakers import breakers_of
from vestnik.dispatch.read.message_state import STATES
from vestnik.dispatch.read.progress import Progress, progress_of
from vestnik.dispatch.signals import heartbeat
from vestnik.dispatch.signals.metrics import totals
from vestnik.dispatch.states import BreakerState
from vestnik.mailings.models import UNDER_WAY, Mailing
from vestnik.providers.registry import aliases, describe
from vestnik.reports.worker_metrics import worker_metrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(VestnikCollector())
    return bytes(generate_latest(registry))


class VestnikCollector(Collector):
    """Reads the database and the workers' counters at each collection."""

    def describe(self) -> Iterable[Metric]:
        return ()  # otherwise registering would collect all metrics

    def collect(self) -> Iterator[Metric]:
        yield _messages()
        yield from _backlog()
        yield _in_doubt()
        yield from _breakers()
        yield from _heartbeats(heartbeat.read_status())
        yield _rate_limits()
        yield from worker_metrics(totals())


def _heartbeats(signs: heartbeat.ProcessStatus) -> Iterator[Metric]:
    """Yield the figures of heartbeats; none if Redis is down."""
    yield _gauge(
        "overdue_mailings", "Mailings whose start has passed and that have not started.",
        signs.overdue_mailings,
    )  # fmt: skip
    yield _gauge(
        "overdue_seconds", "Seconds since the start time of the oldest overdue mailing.",
        signs.overdue_seconds,
    )  # fmt: skip
    if signs.workers is not None:
        yield _gauge(
            "workers", "Worker processes with a heartbeat in the last 15 s.", signs.workers
        )
    if signs.scheduler_age is not None:
        said = "Seconds since the scheduler ran last."
        yield _gauge("scheduler_age_seconds", said, signs.scheduler_age)
    skew = GaugeMetricFamily(
        "vestnik_clock_skew_seconds",
        "Seconds by which a clock is ahead of the database's; below zero it is behind.",
        labels=["process"],
    )
    for process, ahead in signs.clocks.items():
        skew.add_metric([process], ahead)
    yield skew


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"vestnik_{name}", what, value=value)


def _messages() -> Metric:
    found = GaugeMetricFamily(
        "vestnik_messages", "Messages of mailings under way.", labels=["provider", "state"]
    )
    providers = dict(Mailing.objects.filter(state__in=UNDER_WAY).values_list("id", "provider"))
    sums: dict[str, Progress] = {alias: dict.fromkeys(STATES, 0) for alias in aliases()}
    for mailing, progress in progress_of(providers).items():
        counts = sums.setdefault(providers[mailing], dict.fromkeys(STATES, 0))
        for state in STATES:
            counts[state] += progress[state]
    for alias, counts in sums.items():
        for state, count in counts.items():
            found.add_metric([alias, state], count)
    return found


def _backlog() -> Iterator[Metric]:
    backlog = GaugeMetricFamily(
        "vestnik_backlog", "Messages that are due and not handed over.", labels=["provider"]
    )
    age = GaugeMetricFamily(
        "vestnik_oldest_due_seconds",
        "Seconds for which the oldest message that could have been sent has waited, including "
        "mailings that have not started.",
        labels=["provider"],
    )
    found = {alias: due for alias, due, _ in backlogs()}
    oldest: dict[str, float] = {}
    for alias, seconds in heartbeat.oldest_due():
        oldest[alias] = max(seconds, oldest.get(alias, 0.0))
    for alias in {**dict.fromkeys(aliases()), **found, **oldest}:
        backlog.add_metric([alias], found.get(alias, 0))
        age.add_metric([alias], oldest.get(alias, 0.0))
    yield from (backlog, age)


def _in_doubt() -> Metric:
    found = GaugeMetricFamily(
        "vestnik_messages_in_doubt",
        "Messages in the state unknown, of all mailings.",
        labels=["provider"],
    )
    for alias, count in {**dict.fromkeys(aliases(), 0), **in_doubt()}.items():
        found.add_metric([alias], count)
    return found


def _breakers() -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "vestnik_breaker_state",
        "1 for the state of the circuit breaker, 0 for the others.",
        labels=["provider", "state"],
    )
    openings = GaugeMetricFamily(
        "vestnik_breaker_openings",
        "Openings of the circuit breaker in a row.",
        labels=["provider"],
    )
    for alias, breaker in breakers_of(aliases()).items():
        for word in BreakerState.values:
            state.add_metric([alias, word], float(breaker.state == word))
        openings.add_metric([alias], breaker.openings)
    yield from (state, openings)


def _rate_limits() -> Metric:
    found = GaugeMetricFamily(
        "vestnik_rate_limit_per_second",
        "The rate limit of the provider; the rate of vestnik_permits_total is its use.",
        labels=["provider"],
    )
    for alias in aliases():
        if rate := describe(alias).max_rate:
            found.add_metric([alias], rate)
    return found

"""Counters of the workers for /metrics, over any number of processes and machines (decision 0049).

Each process counts in memory and adds its counts to one hash in Redis once a second. Losing Redis
resets the counters, as a restart does; Prometheus expects that.
"""

import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache

import redis
import structlog

from vestnik.db.redis_client import client
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Outcome, Rejected

log = structlog.get_logger(__name__)

#: Shared with processes of other versions, so it keeps its name.
KEY = "vestnik:meters"
#: Seconds between two flushes.
FLUSH_EVERY = 1.0
#: Upper bounds in seconds; the last one is infinite.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: The same for the delay of a mailing's start.
DELAY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0)


class Counters:
    """This process's counts since the last flush."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._flushing = threading.Lock()

    def count(self, name: str, label: str, by: float = 1.0) -> None:
        with self._lock:
            self._counts[f"{name}|{label}"] += by

    def observe(self, name: str, label: str, seconds: float, buckets: Sequence[float]) -> None:
        """Add a value to a histogram: to the first bucket that holds it, and to the sum."""
        with self._lock:
            self._counts[f"{name}_bucket|{label}|{bisect_left(buckets, seconds)}"] += 1
            self._counts[f"{name}_sum|{label}"] += seconds

    def count_flight(
        self, alias: str, outgoing: Sequence[OutboundMessage], found: Sequence[Outcome | None]
    ) -> None:
        """Count the outcomes and the response times of a flight."""
        counted = Counter(map(_outcome_label, found))
        took = [m.answered_at - m.departed_at for m in outgoing if m.departed_at and m.answered_at]
        buckets = Counter(bisect_left(LATENCY_BUCKETS, seconds) for seconds in took)
        with self._lock:
            for outcome, count in counted.items():
                self._counts[f"hand_overs|{alias}|{outcome}"] += count
            for bucket, count in buckets.items():
                self._counts[f"hand_over_seconds_bucket|{alias}|{bucket}"] += count
            self._counts[f"hand_over_seconds_sum|{alias}"] += sum(took)

    def flush_forever(self) -> None:
        """Flush every FLUSH_EVERY seconds; runs in a thread of its own."""
        while True:
            time.sleep(FLUSH_EVERY)
            self.flush()

    def flush(self) -> None:
        """Add the counts to the hash; while Redis is away they are kept for the next flush.

        Everything counted before the call is in the hash on return, also what the flushing thread
        was adding at that moment.
        """
        with self._flushing:
            with self._lock:
                counts, self._counts = self._counts, defaultdict(float)
            if counts:
                self._add(counts)

    def _add(self, counts: dict[str, float]) -> None:
        try:
            # A transaction: a failed flush adds nothing, and is repeated.
            pipe = client().pipeline()
            for name, value in counts.items():
                pipe.hincrbyfloat(KEY, name, value)
            pipe.execute()
        except redis.RedisError as error:
            log.debug("counters wait: Redis is away", trouble=type(error).__name__)
            with self._lock:
                for name, value in counts.items():
                    self._counts[name] += value


@cache
def counters() -> Counters:
    """Return this process's counters; the first call starts the thread that flushes them."""
    made = Counters()
    threading.Thread(target=made.flush_forever, name="counters", daemon=True).start()
    return made


def totals() -> dict[str, float]:
    """Return the counts of all workers; empty while Redis is away."""
    try:
        found = client().hgetall(KEY)
    except redis.RedisError:
        return {}
    return {str(name): float(value) for name, value in found.items()}


def _outcome_label(outcome: Outcome | None) -> str:
    if isinstance(outcome, Accepted):
        return "accepted"
    if isinstance(outcome, Rejected):
        return "rejected"
    if isinstance(outcome, Deferred):
        return "deferred"
    return "too_late" if outcome is None else "unknown"

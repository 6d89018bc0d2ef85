"""The objects that all batches of one provider share in a worker process."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vestnik.dispatch.record.claims import LEASE_MARGIN
from vestnik.dispatch.send.circuit_breaker import CircuitBreaker
from vestnik.dispatch.send.cooldowns import Cooldowns
from vestnik.dispatch.send.fair_queue import FairQueue
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.send.slow_marks import MarkWatch
from vestnik.dispatch.send.temporary_refusals import RefusalTracker
from vestnik.dispatch.signals.metrics import Counters
from vestnik.providers.base import Provider


@dataclass(frozen=True, slots=True)
class SendContext:
    """The provider, its connections and limits, as a batch sender needs them."""

    provider: Provider
    pool: ProviderPool
    breaker: CircuitBreaker
    counters: Counters
    stopping: Callable[[], bool]
    cooldowns: Cooldowns
    fair_queue: FairQueue = field(init=False)
    mark_watch: MarkWatch = field(init=False)
    lease: float = field(init=False)
    refusals: RefusalTracker = field(default_factory=RefusalTracker)
    #: Ids of mailings with a fully sent batch: they may be finished.
    fully_sent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fair_queue", FairQueue(self.provider))
        object.__setattr__(self, "mark_watch", MarkWatch(self.provider.window))
        object.__setattr__(self, "lease", lease_of(self.provider))


def lease_of(provider: Provider) -> float:
    """Return the seconds that a claim lasts without a new flight: longer than any hand-over."""
    return provider.deadline + LEASE_MARGIN

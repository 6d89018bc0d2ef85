"""Cooldowns: times during which a dispatcher claims nothing of a mailing or of its provider."""

import threading
import time


class Cooldowns:
    """The cooldowns of a dispatcher, shared by its threads. The key None is the whole provider."""

    def __init__(self) -> None:
        self._until: dict[int | None, float] = {}
        self._lock = threading.Lock()
        #: The provider takes nothing before this instant of the monotonic clock.
        self.throttled_until = 0.0

    def add(self, mailing: int | None, seconds: float) -> None:
        """Claim nothing of a mailing for `seconds`; a longer cooldown is kept."""
        until = time.monotonic() + seconds
        with self._lock:
            self._until[mailing] = max(until, self._until.get(mailing, until))

    def throttle_provider(self, seconds: float) -> None:
        """Cool down the whole provider, including batches that are already claimed."""
        self.add(None, seconds)
        with self._lock:
            self.throttled_until = max(self.throttled_until, time.monotonic() + seconds)

    def active(self) -> set[int | None]:
        """Return the mailings that are cooling down."""
        now = time.monotonic()
        with self._lock:
            return {mailing for mailing, until in self._until.items() if until > now}

    def remaining(self) -> list[float]:
        """Return the seconds until each cooldown ends.

        A cooldown that has ended is returned once, as 0: the last claim left its mailing out.
        """
        now = time.monotonic()
        with self._lock:
            remaining = [max(until - now, 0.0) for until in self._until.values()]
            self._until = {mailing: until for mailing, until in self._until.items() if until > now}
        return remaining

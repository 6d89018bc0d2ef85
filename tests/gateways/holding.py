"""A sandbox gateway that takes messages by permit, so that a test decides the order."""

import threading
from typing import Any

from vestnik.sandbox.behaviour import Action, Behaviour


class Holding(Behaviour):
    """Takes as many messages as there are `permits`; then it stands still until there are more."""

    def __init__(self, permits: int, **wishes: Any) -> None:
        super().__init__()
        self.permits = threading.Semaphore(permits)
        self.change(wishes)

    def act(self, phone_number: str = "") -> Action:
        assert self.permits.acquire(timeout=60)
        return super().act(phone_number)

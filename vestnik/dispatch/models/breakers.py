"""The circuit breaker of each provider."""

from django.db import models

from vestnik.dispatch.states import BreakerState
from vestnik.mailings.window import Clock
from vestnik.reasons.reason import Reason


class Breaker(models.Model):
    """Keeps messages from a provider that fails: they wait, and no attempt is used up."""

    alias = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(
        max_length=9, choices=BreakerState.choices, default=BreakerState.CLOSED
    )
    openings = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, default="")
    reason_details = models.JSONField(null=True)
    changed_at = models.DateTimeField(db_default=Clock())

    def __str__(self) -> str:
        return f"{self.alias}: {self.state}"

    @property
    def why(self) -> Reason | None:
        """The reason why it is open."""
        return Reason.stored(self.reason, self.reason_details)

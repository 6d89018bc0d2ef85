"""Samples of counts, so that charts do not read messages (decision 0140)."""

from django.db import models

from vestnik.mailings.models import Mailing
from vestnik.mailings.window import Clock


class Sample(models.Model):
    """The number of a mailing's messages in each state at an instant."""

    mailing = models.ForeignKey(Mailing, models.CASCADE, related_name="samples", db_index=False)
    at = models.DateTimeField(db_default=Clock())
    matched = models.PositiveIntegerField()
    queued = models.PositiveIntegerField()
    sending = models.PositiveIntegerField()
    sent = models.PositiveIntegerField()
    delivered = models.PositiveIntegerField()
    undelivered = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    expired = models.PositiveIntegerField()
    cancelled = models.PositiveIntegerField()
    suppressed = models.PositiveIntegerField()

    class Meta:
        ordering = ["mailing", "at"]
        constraints = [
            models.UniqueConstraint(fields=["mailing", "at"], name="sample_one_per_instant")
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id} at {self.at}"

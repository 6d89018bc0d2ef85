"""Stored responses, so that a repeated request creates nothing twice."""

from django.db import models
from django.db.models.functions import Now

from vestnik.access.models import ApiKey


class IdempotencyRecord(models.Model):
    """The response to a creation with an `Idempotency-Key`."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    location = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]
        constraints = [
            models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_once_per_key")
        ]

    def __str__(self) -> str:
        return self.key


class TakenInbound(models.Model):
    """The hash of an inbound stop word: a repeated callback has no effect.

    Otherwise a replayed callback could put a number back on the stop list after an operator
    removed it.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    taken_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.digest

"""The provider's ids of messages, and receipts that match none of them yet."""

from django.db import models
from django.db.models import Q

from vestnik.mailings.window import Clock


class HandOver(models.Model):
    """A provider's id of a message, by which receipts find it.

    It is not in the message's row, whose updates would then change an index. A message of several
    parts has a row per part; `state` is that of the part's receipt.
    """

    alias = models.CharField(max_length=64)
    provider_message_id = models.CharField(max_length=100)
    message_id = models.BigIntegerField()
    parts = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=11, null=True)

    class Meta:
        indexes = [
            models.Index(fields=["message_id"], name="hand_over_parts", condition=Q(parts__gt=1))
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["alias", "provider_message_id"], name="hand_over_one_message_per_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.alias} {self.provider_message_id}"


class UnmatchedReceipt(models.Model):
    """A receipt that came before its hand-over was recorded, so it matches no message yet."""

    alias = models.CharField(max_length=64)
    provider_message_id = models.CharField(max_length=100, blank=True, default="")
    message_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=11)
    at = models.DateTimeField()
    error = models.TextField(blank=True, default="")
    reason = models.JSONField(null=True)
    kept_at = models.DateTimeField(db_default=Clock())

    class Meta:
        db_table = "dispatch_keptreceipt"
        indexes = [
            models.Index(fields=["alias", "provider_message_id"], name="kept_receipt_by_id"),
            models.Index(
                fields=["message_id"],
                name="kept_receipt_by_message",
                condition=Q(message_id__isnull=False),
            ),
            models.Index(fields=["kept_at"], name="kept_receipt_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.alias} {self.provider_message_id or self.message_id}"

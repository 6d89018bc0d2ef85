"""Deletions and stops that queued messages have to follow, and times of inbound messages."""

from django.db import models

from vestnik.mailings.window import Clock


class InboundText(models.Model):
    """The sender and time of an inbound message, without its text."""

    phone_number = models.CharField(max_length=11)
    alias = models.CharField(max_length=64)
    received_at = models.DateTimeField(db_default=Clock())

    class Meta:
        indexes = [
            models.Index(fields=["phone_number", "received_at"], name="inbound_text_by_number"),
            models.Index(fields=["received_at"], name="inbound_text_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.alias}: {self.id}"


class DeletedClient(models.Model):
    """A deleted client, for as long as a message to them may be queued."""

    client_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.client_id}"


class PendingStop(models.Model):
    """A number to stop while another transaction, such as an import, writes it to the stop list.

    It is put on the list as soon as that transaction has ended.
    """

    phone_number = models.CharField(max_length=11)
    source = models.CharField(max_length=7)
    reason = models.CharField(max_length=200, blank=True, default="")
    reason_details = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.id}"

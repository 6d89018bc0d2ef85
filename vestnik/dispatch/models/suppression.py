"""Stops and deletions that messages may still wait for, and who wrote to us."""

from django.db import models

from vestnik.mailings.window import Clock


class InboundText(models.Model):
    """That somebody wrote to us, and when it came in: not what they wrote."""

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
    """A client who was deleted, for as long as a message may wait for them."""

    client_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.client_id}"


class PendingStop(models.Model):
    """A number whose stop was asked for while somebody else, as an import, was writing the same
    number to the stop list. It is put on the list as soon as that has come to an end."""

    phone_number = models.CharField(max_length=11)
    source = models.CharField(max_length=7)
    reason = models.CharField(max_length=200, blank=True, default="")
    reason_details = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.id}"

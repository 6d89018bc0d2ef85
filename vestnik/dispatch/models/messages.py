"""What one client gets from one mailing."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.audience.models import Client
from vestnik.dispatch.states import (
    LEFT_US,
    STORED_STATES,
    MessageState,
)
from vestnik.mailings.models import Mailing
from vestnik.reasons.reason import Reason

State = MessageState


class Message(models.Model):
    """What one client gets from one mailing.

    No foreign key is checked by the database: a check for each of a million rows costs more than
    the rows (59,000 a second against 155,000). Mailings are never deleted while they have
    batches, whose key is checked; a deleted client leaves its id behind and reads as null.
    """

    mailing = models.ForeignKey(
        Mailing, models.PROTECT, db_constraint=False, db_index=False, related_name="messages"
    )
    client = models.ForeignKey(
        Client,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="messages",
    )
    phone_number = models.CharField(max_length=11)
    state = models.CharField(max_length=11, choices=State.choices)
    segments = models.PositiveSmallIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    text = models.TextField(null=True)
    text_version = models.PositiveSmallIntegerField(default=1, db_default=1)
    attempt_id = models.BigIntegerField(null=True)
    #: An earlier attempt that may have arrived, of a message that was queued again since.
    doubted_attempt_id = models.BigIntegerField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    provider_message_id = models.CharField(max_length=100, null=True)
    #: Why it is so: the text, and the code with its parameters. The version before writes the text
    #: alone, so both are read by `Reason.stored`.
    error = models.TextField(null=True)
    reason = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "client"], name="message_one_per_client_per_mailing"
            ),
            models.CheckConstraint(
                name="message_state_known", condition=Q(state__in=STORED_STATES)
            ),
            models.CheckConstraint(
                name="message_sent_at_known",
                condition=~Q(state__in=LEFT_US) | Q(sent_at__isnull=False),
            ),
            models.CheckConstraint(
                name="message_delivered_at_known",
                condition=~Q(state=State.DELIVERED) | Q(delivered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="message_unknown_names_its_attempt",
                condition=~Q(state=State.UNKNOWN) | Q(attempt_id__isnull=False),
            ),
            models.CheckConstraint(
                name="message_refusal_says_why",
                condition=~Q(state__in=(State.FAILED, State.SUPPRESSED)) | Q(error__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}"

    @property
    def why(self) -> Reason | None:
        """Why it is so."""
        return Reason.stored(self.error, self.reason)

    @property
    def full_text(self) -> str:
        """The text that the client gets or got, by the version of the mailing's text that it is.

        Where many are read, annotate `version_text`: the text of the version, if it is on record.
        """
        if self.text is not None:
            return self.text
        if self.text_version == self.mailing.text_version:
            return self.mailing.text
        if "version_text" in self.__dict__:
            return str(self.__dict__["version_text"] or self.mailing.text)
        return self.mailing.texts.get(version=self.text_version).text

"""Messages: what one client gets from one mailing."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.audience.models import Client
from vestnik.dispatch.states import LEFT_US, STORED_STATES, MessageState
from vestnik.mailings.models import Mailing
from vestnik.reasons.reason import Reason

State = MessageState


class Message(models.Model):
    """What one client gets from one mailing.

    The database does not check its foreign keys, since a check per row costs more than the row
    itself (59,000 rows a second instead of 155,000). A mailing with batches, whose key is checked,
    is never deleted; the id of a deleted client stays and reads as null.
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
    #: An earlier attempt that may have reached the client, if the message was queued again since.
    doubted_attempt_id = models.BigIntegerField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    provider_message_id = models.CharField(max_length=100, null=True)
    #: The reason of its state: the text, and the code with its parameters. The version before
    #: writes the text alone, so `Reason.stored` reads both.
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
        """The reason of its state, if there is one."""
        return Reason.stored(self.error, self.reason)

    @property
    def full_text(self) -> str:
        """The text that the client gets or got; a text without values is that of its version.

        A query for many messages annotates `version_text`, the stored text of the version.
        """
        if self.text is not None:
            return self.text
        if self.text_version == self.mailing.text_version:
            return self.mailing.text
        if "version_text" in self.__dict__:
            return str(self.__dict__["version_text"] or self.mailing.text)
        return self.mailing.texts.get(version=self.text_version).text

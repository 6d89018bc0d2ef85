"""Messages, the batches in which they are claimed, and how far each mailing is enlisted.

A batch holds the ids of its messages that are being handed over right now. So a message's row is
written twice on the happy path, made and settled, and `sending` is read from the batch.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from vestnik.audience.models import Client
from vestnik.dispatch.states import (
    LEFT_US,
    STORED_STATES,
    BatchState,
    BreakerState,
    MessageState,
)
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import Clock
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


class Batch(models.Model):
    """Up to 1,000 messages of a mailing with neighbouring ids: the unit of claim.

    `due_at` is when a waiting batch is ready again, or when the lease of a claimed one runs out.
    `claim_id` names the lease, `attempt_id` the flight whose messages are in `in_flight`.
    Where the mailing has local hours, all its messages are of one `timezone`, and nothing leaves at
    or after `open_until`. Its queued messages have the text of `text_version`, but for those that
    come back from a flight that was out when it changed.
    """

    mailing = models.ForeignKey(Mailing, models.PROTECT, related_name="batches", db_index=False)
    number = models.PositiveIntegerField()
    first_message_id = models.BigIntegerField()
    last_message_id = models.BigIntegerField()
    state = models.CharField(max_length=7, choices=BatchState.choices)
    due_at = models.DateTimeField(db_default=Clock())
    claim_id = models.BigIntegerField(null=True)
    attempt_id = models.BigIntegerField(null=True)
    in_flight = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    recheck = models.BooleanField(default=False, db_default=False)
    timezone = models.CharField(max_length=64, null=True)
    open_until = models.DateTimeField(null=True)
    text_version = models.PositiveSmallIntegerField(default=1, db_default=1)

    size = models.PositiveIntegerField()
    queued = models.PositiveIntegerField(db_default=0)
    sent = models.PositiveIntegerField(db_default=0)
    delivered = models.PositiveIntegerField(db_default=0)
    undelivered = models.PositiveIntegerField(db_default=0)
    failed = models.PositiveIntegerField(db_default=0)
    unknown = models.PositiveIntegerField(db_default=0)
    expired = models.PositiveIntegerField(db_default=0)
    cancelled = models.PositiveIntegerField(db_default=0)
    suppressed = models.PositiveIntegerField(db_default=0)

    class Meta:
        verbose_name_plural = "batches"
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["mailing", "open_until", "number"],
                name="batch_next",
                condition=Q(state="ready"),
            ),
            models.Index(fields=["due_at"], name="batch_waiting", condition=Q(state="waiting")),
            models.Index(fields=["due_at"], name="batch_claimed", condition=Q(state="claimed")),
            models.Index(
                fields=["open_until"],
                name="batch_closes",
                condition=Q(state="ready", open_until__isnull=False),
            ),
            models.Index(fields=["mailing"], name="batch_open", condition=~Q(state="done")),
            models.Index(fields=["mailing"], name="batch_in_doubt", condition=Q(unknown__gt=0)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "first_message_id"], name="batch_starts_once"
            ),
            models.CheckConstraint(
                name="batch_counts_add_up",
                condition=Q(
                    size=F("queued")
                    + F("sent")
                    + F("delivered")
                    + F("undelivered")
                    + F("failed")
                    + F("unknown")
                    + F("expired")
                    + F("cancelled")
                    + F("suppressed")
                ),
            ),
            models.CheckConstraint(
                name="batch_claim_has_an_owner",
                condition=Q(state="claimed", claim_id__isnull=False)
                | (~Q(state="claimed") & Q(claim_id=None)),
            ),
            models.CheckConstraint(
                name="batch_flies_only_when_claimed",
                condition=Q(in_flight=[]) | Q(state="claimed", attempt_id__isnull=False),
            ),
            models.CheckConstraint(
                name="batch_done_has_none_queued", condition=~Q(state="done") | Q(queued=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.number}"


class MailingTurn(models.Model):
    """What a mailing got of its provider, by which it is seen whose turn is next.

    What it hands over moves its virtual time ahead by the seconds that this takes at its rate.
    """

    mailing = models.OneToOneField(
        Mailing, models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
    )
    virtual_time = models.FloatField()
    #: The number of its last turn: of two with the same time the one that waits longer is next.
    turn = models.BigIntegerField()
    #: How many messages it has handed over.
    served = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.virtual_time}"


class CurrentSnapshot(models.Func):
    """Which transactions the statement that evaluates the expression sees."""

    template = "(pg_current_snapshot()::text)"
    arity = 0
    output_field = models.TextField()


class EnlistmentCursor(models.Model):
    """How far the audience of a launched mailing has become messages.

    Apart from the mailing's row, so that an operator's pause never waits for a chunk.
    """

    mailing = models.OneToOneField(
        Mailing, models.CASCADE, primary_key=True, related_name="enlistment"
    )
    cursor = models.BigIntegerField(default=0)
    bound = models.BigIntegerField()
    next_number = models.PositiveIntegerField(default=0)
    complete = models.BooleanField(default=False)
    #: Whether the clients stand in slices, as the filter matched them at one instant.
    frozen = models.BooleanField(default=False, db_default=False)
    #: Of an earlier version, by the ids of entries: those are given before they are committed.
    stop_list_cursor = models.BigIntegerField(null=True)
    #: Which transactions had changed the stop list when it was looked at last, at first for the
    #: enlisting itself. Null: an earlier version did, and all that waits is looked at.
    stop_list_seen = models.TextField(null=True, db_default=CurrentSnapshot())
    #: How often in a row it could not be enlisted.
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "dispatch_enlistment"
        indexes = [
            models.Index(fields=["mailing"], name="enlistment_open", condition=Q(complete=False))
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.cursor} of {self.bound}"


class AudienceSlice(models.Model):
    """Clients of a mailing that were matched at its start and are still to be enlisted: those of a
    range of ids."""

    mailing = models.ForeignKey(Mailing, models.CASCADE, db_index=False, related_name="+")
    last_client_id = models.BigIntegerField()
    client_ids = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "last_client_id"], name="audience_slice_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: to {self.last_client_id}"


class HandOver(models.Model):
    """Which message a provider's id stands for: how its receipts find it.

    Apart from the message, whose update would otherwise touch an index each time. A message that
    went in parts has a row for each; `state` is what its part's receipt said.
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
    """A receipt that matches no message yet: it came before its hand-over was recorded."""

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


class InboundText(models.Model):
    """A text from a client: its number and time, not its content."""

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
    """A STOP that waits until another transaction, such as an import, has written the same number.

    The scheduler then puts the number on the stop list (decision 0180).
    """

    phone_number = models.CharField(max_length=11)
    source = models.CharField(max_length=7)
    reason = models.CharField(max_length=200, blank=True, default="")
    reason_details = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.id}"


class Breaker(models.Model):
    """What keeps messages from a provider that fails: they wait instead of burning attempts."""

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
        """Why it is open."""
        return Reason.stored(self.reason, self.reason_details)

"""The batches in which messages are claimed, and the place of each mailing in the fair queue."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from vestnik.dispatch.states import BatchState
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import Clock


class Batch(models.Model):
    """Up to 1,000 messages of a mailing with neighbouring ids: the unit of claim.

    `due_at` is when a waiting batch is ready again, or when the lease of a claimed one expires.
    `claim_id` identifies the lease, `attempt_id` the flight whose messages are in `in_flight`.
    With local hours, all messages of a batch have one `timezone`, and nothing leaves at or after
    `open_until`. Queued messages have the text of `text_version`, except those of a flight that was
    out when the text changed.
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
    """The virtual time of a mailing; the mailing with the lowest one is next at its provider.

    Handing over messages advances it by the seconds that they take at the mailing's rate.
    """

    mailing = models.OneToOneField(
        Mailing, models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
    )
    virtual_time = models.FloatField()
    #: The number of its last turn; of two mailings with one time, the lower number is next.
    turn = models.BigIntegerField()
    #: The number of messages that it has handed over.
    served = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.virtual_time}"

"""How far each mailing is enlisted, and the matched clients that are not enlisted yet."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from vestnik.mailings.models import Mailing


class CurrentSnapshot(models.Func):
    """The transactions that the evaluating statement sees."""

    template = "(pg_current_snapshot()::text)"
    arity = 0
    output_field = models.TextField()


class EnlistmentCursor(models.Model):
    """How far the audience of a launched mailing has become messages.

    It is not in the mailing's row, so that an operator's pause never waits for a chunk.
    """

    mailing = models.OneToOneField(
        Mailing, models.CASCADE, primary_key=True, related_name="enlistment"
    )
    cursor = models.BigIntegerField(default=0)
    bound = models.BigIntegerField()
    next_number = models.PositiveIntegerField(default=0)
    complete = models.BooleanField(default=False)
    #: Whether the clients are stored in slices, as the filter matched them at one instant.
    frozen = models.BooleanField(default=False, db_default=False)
    #: Used by an earlier version, by the ids of entries, which are assigned before the commit.
    stop_list_cursor = models.BigIntegerField(null=True)
    #: The transactions whose changes of the stop list are applied, at first by enlisting itself.
    #: Null if an earlier version enlisted it: then all entries are applied.
    stop_list_seen = models.TextField(null=True, db_default=CurrentSnapshot())
    #: How many tries to enlist it failed in a row.
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: After a failure, when the next try may begin.
    retry_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "dispatch_enlistment"
        indexes = [
            models.Index(fields=["mailing"], name="enlistment_open", condition=Q(complete=False))
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.cursor} of {self.bound}"


class AudienceSlice(models.Model):
    """Clients in a range of ids that matched at the mailing's start and are not enlisted yet."""

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

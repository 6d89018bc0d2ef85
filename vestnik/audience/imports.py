"""Files of clients that were handed in: their content until it is read, and what became of it."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.reasons.reason import Reason


class ImportState(models.TextChoices):
    """Where an import is. A draft is handed in on the pages, and not started yet."""

    DRAFT = "draft", "Draft"
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Into(models.TextChoices):
    """Where a file's numbers go."""

    CLIENTS = "clients", "Clients"
    STOP_LIST = "stop_list", "Stop list"


#: What a remark names.
REMARK = {"line", "attribute", "reason"}


class Import(models.Model):
    """One file, taken over whole or not at all.

    The content of a stored one is in the database until it is read: a worker may be on another
    machine. One that is not stored belongs to the process that reads the file itself.
    """

    into = models.CharField(max_length=9, choices=Into.choices, default=Into.CLIENTS)
    state = models.CharField(max_length=7, choices=ImportState.choices, default=ImportState.WAITING)
    file_name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    options = models.JSONField(default=dict)
    #: The encoding, separator, sheets and header line that it was read by.
    read_as = models.JSONField(default=dict, db_default={})
    stored = models.BooleanField(default=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: Keyed hashes of numbers that were erased while it was open: they do not come back by it.
    erased = ArrayField(models.CharField(max_length=64), default=list, db_default=[])
    actor = models.CharField(max_length=200, blank=True, default="")

    percent = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    #: Of those that were taken, the numbers that get no SMS.
    without_sms = models.PositiveIntegerField(default=0, db_default=0)
    #: Cells of those that were taken that do not fit the recognised type of their column.
    misfits = models.PositiveIntegerField(default=0, db_default=0)
    #: The first of them: line, attribute and reason, without the cell itself.
    remarks = models.JSONField(default=list, db_default=[])
    #: Why it failed: the text, and the code with its parameters; both are read by `why`.
    error = models.TextField(blank=True, default="")
    reason = models.JSONField(null=True)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["id"], name="import_open", condition=Q(state__in=("waiting", "running"))
            )
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.state}"

    @property
    def readable_remarks(self) -> list[dict[str, Any]]:
        """The remarks that have a line, an attribute and a reason, whatever is stored."""
        kept = self.remarks if isinstance(self.remarks, list) else []
        return [
            one | {"why": Reason.stored(one["reason"], one.get("reason_details"))}
            for one in kept
            if isinstance(one, dict) and one.keys() >= REMARK
        ]

    @property
    def why(self) -> Reason | None:
        """Why nothing of it was taken."""
        return Reason.stored(self.error, self.reason)


class ImportPiece(models.Model):
    """A part of a file's content."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="import_piece_once")]

    def __str__(self) -> str:
        return f"{self.of_id}/{self.number}"


class RefusedRow(models.Model):
    """A row that was not taken: where it is, why not, and what stands in it."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="refused_rows", db_index=False)
    line = models.PositiveIntegerField()
    reason = models.TextField()
    reason_details = models.JSONField(null=True)
    cells = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "line"], name="refused_row_once")]

    def __str__(self) -> str:
        return f"{self.of_id}: line {self.line}"

    @property
    def why(self) -> Reason | None:
        """Why it was not taken."""
        return Reason.stored(self.reason, self.reason_details)


class NumberingRegister(models.Model):
    """Where the ranges below are from: of the product itself, or of a file of the operator's."""

    is_shipped = models.BooleanField()
    published = models.DateField(null=True)
    loaded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(name="numbering_register_is_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.published or self.loaded_at:%Y-%m-%d}"


class NumberRange(models.Model):
    """A range of the numbering register: who got it, and for where."""

    first = models.BigIntegerField(primary_key=True)
    last = models.BigIntegerField()
    operator = models.TextField(blank=True, default="")
    region = models.TextField(blank=True, default="")
    timezone = models.CharField(max_length=64, null=True)

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return f"{self.first}–{self.last}"

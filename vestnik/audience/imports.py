"""Imports: uploaded files, their content until it is read, and their results."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.reasons.reason import Reason


class ImportState(models.TextChoices):
    """The states of an import. A draft was uploaded on the pages and not started yet."""

    DRAFT = "draft", "Draft"
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


#: Uploaded, started and not ended.
OPEN = (ImportState.WAITING, ImportState.RUNNING)


class Into(models.TextChoices):
    """The target of an import's numbers."""

    CLIENTS = "clients", "Clients"
    STOP_LIST = "stop_list", "Stop list"


#: The keys of a remark.
REMARK = {"line", "attribute", "reason"}


class Import(models.Model):
    """One file, saved whole or not at all.

    The content of a stored import is in the database until it is read, since a worker may run on
    another machine. An import that is not stored belongs to the process that reads the file.
    """

    into = models.CharField(max_length=9, choices=Into.choices, default=Into.CLIENTS)
    state = models.CharField(max_length=7, choices=ImportState.choices, default=ImportState.WAITING)
    file_name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    options = models.JSONField(default=dict)
    #: The encoding, separator, sheets and header line with which it was read.
    read_as = models.JSONField(default=dict, db_default={})
    stored = models.BooleanField(default=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: Keyed hashes of numbers that were erased while it was open, so that it does not restore them.
    erased = ArrayField(models.CharField(max_length=64), default=list, db_default=[])
    actor = models.CharField(max_length=200, blank=True, default="")

    percent = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    #: How many accepted numbers get no SMS.
    without_sms = models.PositiveIntegerField(default=0, db_default=0)
    #: How many accepted cells do not fit the recognised type of their column.
    misfits = models.PositiveIntegerField(default=0, db_default=0)
    #: The first of them: line, attribute and reason, without the content of the cell.
    remarks = models.JSONField(default=list, db_default=[])
    #: Why it failed: the text, and the code with its parameters; `why` reads both.
    error = models.TextField(blank=True, default="")
    reason = models.JSONField(null=True)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["id"], name="import_open", condition=Q(state__in=OPEN))]

    def __str__(self) -> str:
        return f"{self.id}: {self.state}"

    @property
    def readable_remarks(self) -> list[dict[str, Any]]:
        """The remarks that have a line, an attribute and a reason; others are skipped."""
        stored = self.remarks if isinstance(self.remarks, list) else []
        return [
            one | {"why": Reason.stored(one["reason"], one.get("reason_details"))}
            for one in stored
            if isinstance(one, dict) and one.keys() >= REMARK
        ]

    @property
    def why(self) -> Reason | None:
        """The reason why no row was saved."""
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
    """A refused row: its line, the reason, and its cells."""

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
        """The reason why it was refused."""
        return Reason.stored(self.reason, self.reason_details)


class NumberingRegister(models.Model):
    """The source of the number ranges: shipped with the product, or the operator's own file."""

    is_shipped = models.BooleanField()
    published = models.DateField(null=True)
    loaded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(name="numbering_register_is_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.published or self.loaded_at:%Y-%m-%d}"


class NumberRange(models.Model):
    """A range of the numbering register: its operator and its region."""

    first = models.BigIntegerField(primary_key=True)
    last = models.BigIntegerField()
    operator = models.TextField(blank=True, default="")
    region = models.TextField(blank=True, default="")
    timezone = models.CharField(max_length=64, null=True)

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return f"{self.first}–{self.last}"

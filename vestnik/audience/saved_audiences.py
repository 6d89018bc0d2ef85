"""Audiences that are kept under a name."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 200
TAKEN = _("Another audience has this name: change that one, or choose another name.")


class SavedAudience(models.Model):
    """A filter with a name, to be taken into mailings."""

    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    filter = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


@contextmanager
def naming_a_taken_name() -> Iterator[None]:
    """A transaction that turns the unique constraint's refusal into an error of the field."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise ValidationError({"name": TAKEN}) from None

"""Audiences that are saved under a name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 200
TAKEN = _("Another audience has this name: change that one, or choose another name.")


class SavedAudience(models.Model):
    """A named filter that mailings can use."""

    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    filter = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


@contextmanager
def unique_name() -> Iterator[None]:
    """Open a transaction that turns a violation of the unique name into a field error."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise ValidationError({"name": TAKEN}) from None


def save_audience(name: str, audience: Mapping[str, Any], id: int | None = None) -> SavedAudience:
    """Create or change a saved audience. Raises ValidationError."""
    saved = SavedAudience(id=id, name=name, filter=audience)
    saved.clean_fields(exclude=["id", "filter", "created_at"])
    with unique_name():
        if id is None:
            saved.save(force_insert=True)
        else:
            SavedAudience.objects.filter(id=id).update(name=name, filter=audience)
    return saved

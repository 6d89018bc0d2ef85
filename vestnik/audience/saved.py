"""Audiences that are kept under a name."""

from django.db import models
from django.db.models.functions import Now

LONGEST_NAME = 200


class SavedAudience(models.Model):
    """A filter with a name, to be taken into mailings."""

    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    filter = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

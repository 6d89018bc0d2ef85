"""What the pages keep of their own."""

from django.db import models
from django.db.models.functions import Now


class Submission(models.Model):
    """A form that was sent: whoever sends the same page again gets what the first one made."""

    token = models.UUIDField(primary_key=True)
    made = models.BigIntegerField(null=True)
    content = models.CharField(max_length=64, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="submission_age")]

    def __str__(self) -> str:
        return str(self.token)

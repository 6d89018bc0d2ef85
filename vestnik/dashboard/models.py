"""What the pages keep of their own."""

from django.conf import settings
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


class UnsavedForm(models.Model):
    """What somebody has written on a page and not saved yet: it comes back after Back, a reload or
    a login, and never becomes anything by itself."""

    token = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: The path of the page.
    page = models.CharField(max_length=200)
    #: Pairs of name and value, as the browser sent them; null once the form was saved or discarded.
    fields = models.JSONField(null=True)
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["user", "saved_at"], name="unsaved_form_of_user")]

    def __str__(self) -> str:
        return str(self.token)

"""The dashboard's own tables."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Submission(models.Model):
    """A submitted form: submitting the same page again returns what the first one created."""

    token = models.UUIDField(primary_key=True)
    made = models.BigIntegerField(null=True)
    content = models.CharField(max_length=64, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="submission_age")]

    def __str__(self) -> str:
        return str(self.token)


class UnsavedForm(models.Model):
    """The unsaved content of a user's form.

    It is restored after Back, a reload or a login, and has no other effect.
    """

    token = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: The path of the page.
    page = models.CharField(max_length=200)
    #: Pairs of name and value, as submitted; null once the form was saved or discarded.
    fields = models.JSONField(null=True)
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["user", "saved_at"], name="unsaved_form_of_user")]

    def __str__(self) -> str:
        return str(self.token)

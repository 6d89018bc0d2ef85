"""The pipeline's own rows in Django's admin, read-only."""

from django.contrib import admin

from vestnik.dashboard.admin.estimated_pagination import ReadOnlyAdmin
from vestnik.dispatch.models import Batch, EnlistmentCursor


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """The progress of each batch, and its lease."""

    list_display = ("id", "mailing_id", "number", "state", "due_at", "size", "queued", "unknown")
    list_filter = ("state",)
    search_fields = ("mailing__id__exact",)
    search_help_text = "The number of a mailing."


@admin.register(EnlistmentCursor)
class EnlistmentCursorAdmin(ReadOnlyAdmin):
    """How far each audience has been turned into messages."""

    list_display = ("mailing_id", "cursor", "bound", "next_number", "complete")
    list_filter = ("complete",)
    ordering = ("-mailing_id",)

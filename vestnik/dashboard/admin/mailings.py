"""Mailings in Django's admin: read-only, with the actions pause, resume and cancel."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from vestnik.dashboard.admin.estimated_pagination import ReadOnlyAdmin
from vestnik.dispatch.read.progress import progress_of
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import (
    CANCEL,
    PAUSE,
    RESUME,
    Mailing,
    MailingEvent,
    StateConflict,
    Transition,
)


class EventInline(admin.TabularInline):
    """The events of a mailing."""

    model = MailingEvent
    fields = readonly_fields = ("at", "actor", "event", "from_state", "to_state", "reason")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Mailing)
class MailingAdmin(ReadOnlyAdmin):
    """Mailings; their actions use the same functions as the API's."""

    list_display = ("id", "name", "state", "provider", "starts_at", "ends_at", "counts")
    list_display_links = ("id", "name")
    list_filter = ("state",)
    search_fields = ("name",)
    readonly_fields = ("counts", "its_messages")
    inlines = (EventInline,)
    actions = ("pause", "resume", "cancel")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _ChangeList

    def has_order_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may pause, resume and cancel: those who may change a mailing."""
        return request.user.has_perm("mailings.change_mailing")

    @admin.action(description="Pause", permissions=["order"])
    def pause(self, request: HttpRequest, mailings: QuerySet[Mailing]) -> None:
        _order(request, mailings, PAUSE)

    @admin.action(description="Resume", permissions=["order"])
    def resume(self, request: HttpRequest, mailings: QuerySet[Mailing]) -> None:
        _order(request, mailings, RESUME)

    @admin.action(description="Cancel for good", permissions=["order"])
    def cancel(self, request: HttpRequest, mailings: QuerySet[Mailing]) -> None:
        _order(request, mailings, CANCEL)

    @admin.display(description="Messages by state")
    def counts(self, mailing: Mailing) -> str:
        """Return the counts of the states that are not empty."""
        progress = getattr(mailing, "progress", None) or progress_of([mailing.id])[mailing.id]
        return ", ".join(f"{state} {count}" for state, count in progress.items() if count) or "–"

    @admin.display(description="Messages")
    def its_messages(self, mailing: Mailing) -> str:
        """Return a link to the messages of this mailing."""
        address = reverse("admin:dispatch_message_changelist")
        return format_html('<a href="{}?mailing={}">Messages</a>', address, mailing.id)


class _ChangeList(ChangeList):
    """Reads the progress of all mailings of a page in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        progress = progress_of([mailing.id for mailing in self.result_list])
        for mailing in self.result_list:
            mailing.progress = progress[mailing.id]


def _order(request: HttpRequest, mailings: QuerySet[Mailing], order: Transition) -> None:
    for mailing in mailings:
        try:
            with transaction.atomic():
                mailing.apply(order, actor=f"user:{request.user.get_username()}")
                wake_for(mailing.id)
        except StateConflict as conflict:
            messages.error(request, str(conflict))
        else:
            messages.success(request, f"Mailing {mailing.id} is {mailing.state}.")

"""Messages in Django's admin, read-only, in the states that the API shows."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from vestnik.audience.models import Client
from vestnik.audience.phone_parsing import normalised
from vestnik.dashboard.admin.estimated_pagination import ReadOnlyAdmin
from vestnik.db.keyset import Keyset
from vestnik.dispatch.models import Message
from vestnik.dispatch.read import messages
from vestnik.dispatch.states import MessageState

#: A filter by id needs a list, so it is limited to the newest thousand.
NEWEST = Keyset(ascending=False, after_id=None, limit=1000)


class StateFilter(admin.SimpleListFilter):
    """The newest thousand messages in a state, found by the batches that contain them."""

    title = "state (the newest thousand)"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in MessageState.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.value()
        if state not in MessageState.values:
            return queryset
        newest = messages.find(NEWEST, mailing=_mailing(request), state=state)
        return queryset.filter(id__in=[message.id for message in newest])


class MailingFilter(admin.SimpleListFilter):
    """The messages of one mailing; its page links here."""

    title = "mailing"
    parameter_name = "mailing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        mailing = _mailing(request)
        return [] if mailing is None else [(str(mailing), f"№ {mailing}")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        mailing = _mailing(request)
        return queryset if mailing is None else queryset.filter(messages.of_mailing(mailing))


def _mailing(request: HttpRequest) -> int | None:
    id_text = request.GET.get("mailing", "")
    return int(id_text) if id_text.isascii() and id_text.isdigit() and len(id_text) < 19 else None


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Messages, searched by the phone number of a client."""

    list_display = ("id", "mailing", "phone_number", "shown_state", "attempts", "sent_at", "error")
    list_filter = (StateFilter, MailingFilter)
    search_fields = ("id",)
    search_help_text = "The phone number of a client."
    exclude = ("client", "state")
    readonly_fields = ("shown_state", "shown_client", "shown_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return messages.detailed()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the client."""
        term = search_term.strip()
        if not term:
            return queryset, False
        # Messages have an index on the client, and none on the number.
        client = Client.objects.filter(phone_number=normalised(term) or term).first()
        if client is None:
            return queryset.none(), False
        newest = messages.find(NEWEST, client=client.id)
        return queryset.filter(id__in=[message.id for message in newest]), False

    @admin.display(description="State")
    def shown_state(self, message: Any) -> str:
        return str(message.reads_as)

    @admin.display(description="Client")
    def shown_client(self, message: Any) -> str:
        return "deleted" if message.known_client is None else str(message.known_client)

    @admin.display(description="Text as sent")
    def shown_text(self, message: Message) -> str:
        return message.full_text

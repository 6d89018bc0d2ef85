"""Clients in Django's admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from vestnik.access.admin import carry_initial
from vestnik.audience import clients
from vestnik.audience.clients import placed
from vestnik.audience.models import Client
from vestnik.audience.phone import validate_client_number
from vestnik.audience.phone_parsing import normalised
from vestnik.audience.validation import LONGEST_TAG, completed, validate_attributes
from vestnik.dashboard.admin.estimated_pagination import LargeAdmin
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.one_line import OneLine


class ClientForm(forms.ModelForm):
    """The form of a client; empty fields are derived from the number.

    Each field carries its initial value, so that a stale page does not revert fields that the user
    has not touched.
    """

    tag = OneLine(required=False, max_length=LONGEST_TAG)

    class Meta:
        model = Client
        fields = ("phone_number", "operator_code", "tag", "timezone", "attributes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["timezone"].initial = ""
        carry_initial(self, self.fields)
        for name in ("operator_code", "timezone"):
            self.fields[name].required = False
            self.fields[name].help_text = "If empty, it is derived from the number."

    def clean_phone_number(self) -> str:
        number: str = self.cleaned_data["phone_number"]
        validate_client_number(number)
        return number

    def clean_attributes(self) -> dict[str, Any]:
        """Validate the attributes again: Django takes an empty list for an empty field."""
        submitted = self.cleaned_data["attributes"]
        attributes: dict[str, Any] = {} if submitted is None else submitted
        validate_attributes(attributes)
        return attributes

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("phone_number"):
            return cleaned
        return {**cleaned, **placed(completed({k: v for k, v in cleaned.items() if v}))}


@admin.register(Client)
class ClientAdmin(LargeAdmin):
    """Clients, searched by phone number in any notation."""

    form = ClientForm
    list_display = ("phone_number", "operator_code", "tag", "timezone", "created_at")
    search_fields = ("phone_number__exact",)
    search_help_text = "A phone number, in any notation."
    readonly_fields = ("created_at", "their_messages")

    @admin.display(description="Messages")
    def their_messages(self, client: Client) -> str:
        """Return a link to the messages of this client."""
        address = reverse("admin:dispatch_message_changelist")
        return format_html('<a href="{}?q={}">Messages</a>', address, client.phone_number)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the unique index of the number, and by nothing else."""
        term = search_term.strip()
        return (queryset.filter(phone_number=normalised(term) or term) if term else queryset), False

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Save like the API: a stopped number stays stopped when it is entered again."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            if "timezone" in changes:
                changes["timezone_source"] = form.cleaned_data["timezone_source"]
            clients.change(Client.objects.get(id=obj.id), changes)
        else:
            obj.id = clients.create(form.cleaned_data).id

    def delete_model(self, request: HttpRequest, obj: Client) -> None:
        """Delete like the API: messages that are queued for the client are cancelled."""
        delete_client(obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for client in queryset:
            delete_client(client.id)

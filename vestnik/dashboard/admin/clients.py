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
    """What is left empty is told by the number.

    Each field carries what the page showed in it: what another has changed meanwhile is not set
    back by a page on which nobody has touched it.
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
            self.fields[name].help_text = "Left empty, it is told by the number."

    def clean_phone_number(self) -> str:
        number: str = self.cleaned_data["phone_number"]
        validate_client_number(number)
        return number

    def clean_attributes(self) -> dict[str, Any]:
        """Again here: an empty list would pass as an empty field."""
        given = self.cleaned_data["attributes"]
        attributes: dict[str, Any] = {} if given is None else given
        validate_attributes(attributes)
        return attributes

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("phone_number"):
            return cleaned
        return {**cleaned, **placed(completed({k: v for k, v in cleaned.items() if v}))}


@admin.register(Client)
class ClientAdmin(LargeAdmin):
    """Found by phone number, however it is written."""

    form = ClientForm
    list_display = ("phone_number", "operator_code", "tag", "timezone", "created_at")
    search_fields = ("phone_number__exact",)
    search_help_text = "A phone number: 79261234567, or as people write it."
    readonly_fields = ("created_at", "their_messages")

    @admin.display(description="Messages")
    def their_messages(self, client: Client) -> str:
        """Where this client's messages are."""
        address = reverse("admin:dispatch_message_changelist")
        return format_html('<a href="{}?q={}">Messages</a>', address, client.phone_number)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the unique index on the number; nothing else is searched."""
        term = search_term.strip()
        return (queryset.filter(phone_number=normalised(term) or term) if term else queryset), False

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """As the API does it: whoever was stopped stays so under a number that comes back."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            if "timezone" in changes:
                changes["timezone_source"] = form.cleaned_data["timezone_source"]
            clients.change(Client.objects.get(id=obj.id), changes)
        else:
            obj.id = clients.create(form.cleaned_data).id

    def delete_model(self, request: HttpRequest, obj: Client) -> None:
        """As the API does it: what is queued for the client is cancelled."""
        delete_client(obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for client in queryset:
            delete_client(client.id)

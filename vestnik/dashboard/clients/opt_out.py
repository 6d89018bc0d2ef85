"""Puts one client on the stop list, or erases them, after a confirmation."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action
from vestnik.audience.stop_list import LONGEST_REASON, Source
from vestnik.dashboard.clients.detail import client_or_404, entry_of
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.web.decorators import OperatorRequest, is_htmx, page
from vestnik.dashboard.web.form_idempotency import redirect_deleted
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.db.keyset import MAX_ID
from vestnik.dispatch.suppress.erasure import erase_client
from vestnik.dispatch.suppress.opt_out import stop_numbers


class ReasonForm(forms.Form):
    """The reason for the stop list."""

    reason = forms.CharField(
        required=False, max_length=LONGEST_REASON, label=gettext_lazy("Reason")
    )


@page(Action.SEND, keeps=True)
def client_stop(request: OperatorRequest, id: int) -> HttpResponse:
    """Put the client's number on the stop list."""
    client = client_or_404(id)
    form = ReasonForm(submitted_or_restored(request))
    clear_restored_errors(request, form)
    if request.method == "POST" and form.is_valid():
        stop_numbers([client.phone_number], Source.PAGES, form.cleaned_data["reason"])
        messages.success(request, _("The client is on the stop list and gets nothing more."))
        return redirect("client-page", id)
    context = {"client": client, "form": form}
    return confirmation(request, "dashboard/clients/opt_out.html", context)


@page(Action.MANAGE)
def client_erase(request: OperatorRequest, id: int) -> HttpResponse:
    """Erase the client on request."""
    if request.method != "POST":
        client = client_or_404(id)
        context = {"client": client, "entry": entry_of(client.phone_number)}
        return confirmation(request, "dashboard/clients/erase.html", context)
    erased = erase_client(min(id, MAX_ID))
    if erased is None:
        return redirect_deleted(request, "client-list")
    count = erased.messages
    text = ngettext(
        "The client is erased. %(count)s message stays without the number.",
        "The client is erased. %(count)s messages stay without the number.",
        count,
    )
    messages.success(request, text % {"count": number(count)})
    return redirect("client-list")


def confirmation(
    request: OperatorRequest, template: str, context: dict[str, Any], section: str = "client-list"
) -> HttpResponse:
    """Render a confirmation as a page, or in the dialog of the open page."""
    in_dialog = is_htmx(request)
    frame = "dashboard/clients/fragment.html" if in_dialog else "dashboard/base.html"
    shared = {"section": section, "frame": frame, "in_dialog": in_dialog}
    return render(request, template, shared | context)

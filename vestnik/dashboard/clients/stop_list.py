"""The page of the stop list."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action, may
from vestnik.audience.models import Client
from vestnik.audience.phone import holding_digits
from vestnik.audience.phone_parsing import normalised
from vestnik.audience.stop_list import LONGEST_REASON, Source, StopListEntry, hash_of
from vestnik.dashboard.clients.detail import SOURCES
from vestnik.dashboard.clients.opt_out import confirmation
from vestnik.dashboard.clients.search import MOST_COUNTED, digits_of
from vestnik.dashboard.templatetags.vestnik import phone
from vestnik.dashboard.web.decorators import ANY, OperatorRequest, forbidden, is_htmx, page
from vestnik.dashboard.web.form_idempotency import redirect_deleted
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.web.paging import paginate
from vestnik.dashboard.wording.reasons import said
from vestnik.db.keyset import MAX_ID
from vestnik.dispatch.suppress.opt_out import stop_numbers

#: Numbers that are typed or pasted at once; more are imported as a file.
MOST_NUMBERS = 1000
MOST_NAMED = 5
SECTION = "stop-list-page"


class SearchForm(forms.Form):
    """The search by a part of a number."""

    q = forms.CharField(required=False, max_length=40, label=gettext_lazy("Part of the number"))

    def clean_q(self) -> str:
        return digits_of(self.cleaned_data["q"])


class NumbersForm(forms.Form):
    """Numbers to put on the list, in any notation."""

    numbers = forms.CharField(
        max_length=40 * MOST_NUMBERS,
        label=gettext_lazy("Numbers"),
        widget=forms.Textarea(attrs={"rows": 3, "inputmode": "tel"}),
    )
    reason = forms.CharField(
        required=False, max_length=LONGEST_REASON, label=gettext_lazy("Reason")
    )

    def clean_numbers(self) -> list[str]:
        parts = [part.strip() for part in _parts(self.cleaned_data["numbers"])]
        wrong = [part for part in parts if normalised(part) is None]
        if wrong:
            examples = ", ".join(part[:20] for part in wrong[:MOST_NAMED])
            raise ValidationError(
                _("These are not phone numbers: %(named)s.") % {"named": examples}
            )
        if len(parts) > MOST_NUMBERS:
            remedy = _("At most %(most)s numbers at once: import a file with more.")
            raise ValidationError(remedy % {"most": MOST_NUMBERS})
        return [number for part in parts if (number := normalised(part))]


def _parts(written: str) -> list[str]:
    parts = written.replace(",", "\n").replace(";", "\n").splitlines()
    return [part for part in parts if part.strip()]


@page(methods=ANY, keeps=True)
def stop_list(request: OperatorRequest) -> HttpResponse:
    """Show the list, the newest first; a POST adds numbers."""
    if request.method != "POST":
        restored = NumbersForm(submitted_or_restored(request))
        clear_restored_errors(request, restored)
        return _shown(request, restored)
    if not may(request.user.role, Action.SEND):
        return forbidden(request, Action.SEND)
    form = NumbersForm(request.POST)
    if not form.is_valid():
        return _shown(request, form, status=422)
    numbers = set(form.cleaned_data["numbers"])
    added = stop_numbers(numbers, Source.PAGES, form.cleaned_data["reason"])
    messages.success(request, _added_text(added, len(numbers) - added))
    return redirect("stop-list-page")


@page(Action.MANAGE)
def remove(request: OperatorRequest, id: int) -> HttpResponse:
    """Remove a number from the list after a confirmation."""
    entry = StopListEntry.objects.filter(id=min(id, MAX_ID)).first()
    if entry is None:
        if request.method == "POST":
            return redirect_deleted(request, SECTION)
        raise Http404
    if request.method != "POST":
        context = {"entry": entry, "client": _client_of(entry)}
        return confirmation(request, "dashboard/clients/stop_list_remove.html", context, SECTION)
    StopListEntry.objects.filter(id=entry.id).delete()
    messages.success(request, _("The number was removed from the stop list."))
    client = _client_of(entry)
    return redirect("client-page", client) if client else redirect("stop-list-page")


def _added_text(added: int, known: int) -> str:
    new = ngettext(
        "%(count)s number is put on the stop list.",
        "%(count)s numbers are put on the stop list.",
        added,
    ) % {"count": added}
    if not known:
        return new
    before = ngettext("%(count)s was on it already.", "%(count)s were on it already.", known)
    return f"{new} {before % {'count': known}}"


def _shown(request: OperatorRequest, form: NumbersForm, status: int = 200) -> HttpResponse:
    search = SearchForm(request.GET)
    digits = search.cleaned_data.get("q", "") if search.is_valid() else ""
    entries = _entries(digits)
    listed = paginate(request, lambda keyset: keyset.take(entries), newest_first=True)
    context: dict[str, Any] = {
        "section": SECTION,
        "search": search,
        "is_part": is_htmx(request),
        "digits": digits,
        "form": form,
        "listed": listed,
        "rows": _rows(listed.rows),
        "stop_words": settings.STOP_WORDS,
    }
    return render(request, "dashboard/clients/stop_list.html", context, status=status)


def _entries(digits: str) -> QuerySet[StopListEntry]:
    """Return the matching entries; an erased one is found by its whole number."""
    entries = StopListEntry.objects.all()
    if not digits:
        return entries
    matches = holding_digits(digits)
    if len(digits) == 11:
        matches |= Q(phone_hash=hash_of(digits))
    matching = entries.filter(matches)
    ids = list(matching.order_by().values_list("id", flat=True)[: MOST_COUNTED + 1])
    return entries.filter(id__in=ids) if len(ids) <= MOST_COUNTED else matching


def _rows(entries: list[StopListEntry]) -> list[dict[str, Any]]:
    clients = _clients_of(entries)
    return [
        {
            "entry": entry,
            "client": clients.get(entry.phone_number or ""),
            "source": SOURCES.get(entry.source, entry.source),
            "reason": said(entry.why),
            "name": phone(entry.phone_number) if entry.phone_number else entry.phone_hash[:8],
        }
        for entry in entries
    ]


def _clients_of(entries: list[StopListEntry]) -> dict[str, int]:
    numbers = [entry.phone_number for entry in entries if entry.phone_number]
    return dict(Client.objects.filter(phone_number__in=numbers).values_list("phone_number", "id"))


def _client_of(entry: StopListEntry) -> int | None:
    return _clients_of([entry]).get(entry.phone_number or "")

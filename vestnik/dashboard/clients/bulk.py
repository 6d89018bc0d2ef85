"""Actions on many clients: tag, stop list, deletion, each after a confirmation.

The confirmation page carries a signed digest of its clients. If the same search or the same ids
select other clients by then, nothing is done and the page asks again.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action, may
from vestnik.audience.models import Client
from vestnik.audience.stop_list import LONGEST_REASON
from vestnik.audience.validation import LONGEST_TAG
from vestnik.dashboard.clients.bulk_actions import BULK_ACTIONS, BulkAction
from vestnik.dashboard.clients.search import SearchForm, selected
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.web.decorators import OperatorRequest, forbidden, page
from vestnik.dashboard.web.form_idempotency import (
    DONE_BEFORE,
    claim_token,
    is_repeated,
    settle_claim,
)
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.wording.typed_numbers import normalise

#: More at once would exceed the time limit of a request.
MOST_AT_ONCE = 10_000
#: Clients per transaction, so that a STOP never waits long for their locks.
CHUNK = 500
#: Seconds after which no further chunk begins, so that the request can still report what was done.
MOST_SECONDS = 15.0
SEARCH = ("q", "code", "tag", "audience")
#: A proof of another page is not valid here.
SALT = "clients.bulk"
#: Clients that the confirmation names.
EXAMPLES = 5


class BulkForm(forms.Form):
    """The confirmation; `shown` proves which clients the page asked about."""

    shown = forms.CharField(required=False, widget=forms.HiddenInput, max_length=200)
    new_tag = forms.CharField(required=False, max_length=LONGEST_TAG, label=gettext_lazy("New tag"))
    reason = forms.CharField(
        required=False, max_length=LONGEST_REASON, label=gettext_lazy("Reason")
    )
    typed = forms.CharField(
        required=False, max_length=12, label=gettext_lazy("Number of clients to delete")
    )

    def __init__(self, *args: Any, ids: Sequence[int], does: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ids, self.does, self.count = ids, does, len(ids)
        self.fields["typed"].required = does == "delete"
        self.fields["typed"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "off"}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not is_signed(data.get("shown", ""), self.does, self.ids):
            self.add_error(
                None, _("The matching clients have changed since the page was opened: check again.")
            )
        elif self.does == "delete" and self._typed_count(data) != str(self.count):
            self.add_error("typed", _("Type %(count)s to delete them.") % {"count": self.count})
        return data

    @staticmethod
    def _typed_count(data: dict[str, Any]) -> str:
        """Return the typed number without separators: it may be copied from the page."""
        return normalise(data.get("typed", "").replace(" ", ""))


def sign(does: str, ids: Sequence[int]) -> str:
    """Return the proof that a page asks for this action on these clients."""
    digest = hashlib.sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()
    return signing.Signer(salt=SALT).sign(f"{does} {len(ids)} {digest}")


def is_signed(proof: str, does: str, ids: Sequence[int]) -> bool:
    """Return whether the proof is for this action on exactly these clients."""
    return constant_time_compare(proof, sign(does, ids))


@dataclass(frozen=True)
class Selection:
    """The chosen clients, or all that a search finds."""

    clients: QuerySet[Client]
    fields: list[tuple[str, str]]
    #: The search in words; empty for chosen clients, or for all.
    search: Sequence[tuple[str, str]] = ()

    @classmethod
    def read(cls, data: QueryDict) -> "Selection | None":
        """Return the selection; None if the search is invalid, which must not select everyone."""
        if "all" not in data:
            # Longer than an id, so int() could refuse it: it accepts 4,300 digits at most.
            id_texts = [one for one in data.getlist("id") if len(one) < 19 and one.isascii()]
            ids = [int(one) for one in id_texts if one.isdecimal()][: MOST_AT_ONCE + 1]
            fields = [("id", str(one)) for one in ids]
            return cls(Client.objects.filter(id__in=ids), fields)
        search = SearchForm({name: data[name] for name in SEARCH if name in data})
        if not search.is_valid():
            return None
        fields = [("all", "1"), *((name, str(data[name])) for name in SEARCH if data.get(name))]
        return cls(selected(search.filters()), fields, search.describe())

    def ids(self) -> list[int]:
        """Return the ids in the order of the numbers; at most one too many."""
        # All code locks clients in this order, so that none of it deadlocks.
        ids = self.clients.order_by("phone_number").values_list("id", flat=True)
        return list(ids[: MOST_AT_ONCE + 1])


@page(Action.SEND, keeps=True)
def client_bulk(request: OperatorRequest) -> HttpResponse:
    """Ask for confirmation, and execute the action."""
    if request.method == "POST" and is_repeated(request.POST):
        return _redirect_done(request)
    data = request.GET if (submitted := submitted_or_restored(request)) is None else submitted
    does = data.get("does", "")
    selection = Selection.read(data)
    if does not in BULK_ACTIONS or selection is None:
        messages.error(request, _("Nothing was done: choose clients in the list and an action."))
        return redirect("client-list")
    if not may(request.user.role, BULK_ACTIONS[does].needs):
        return forbidden(request, BULK_ACTIONS[does].needs)
    ids = selection.ids()
    if not ids:
        messages.error(request, _("Nothing was done: no client is chosen."))
        return redirect("client-list")
    return _show_confirmation(request, selection, does, ids)


def _redirect_done(request: OperatorRequest) -> HttpResponse:
    """Answer a page that was submitted before: its clients may be changed or deleted by now."""
    messages.info(request, DONE_BEFORE)
    return redirect("client-list")


def _show_confirmation(
    request: OperatorRequest, selection: Selection, does: str, ids: Sequence[int]
) -> HttpResponse:
    is_sent, back = request.method == "POST", f"{reverse('client-list')}?{_search(selection)}"
    form = BulkForm(submitted_or_restored(request), ids=ids, does=does)
    clear_restored_errors(request, form)
    if is_sent and len(ids) <= MOST_AT_ONCE and form.is_valid():
        if not claim_token(request.POST):
            return _redirect_done(request)
        _report(request, BULK_ACTIONS[does], ids, form.cleaned_data)
        return redirect(back)
    if form.is_bound:
        shown = cast(QueryDict, form.data).copy()
        shown["shown"] = sign(does, ids)
        form.data = shown
    else:
        form.initial["shown"] = sign(does, ids)
    context = {
        "section": "client-list",
        "form": form,
        "does": does,
        "fields": selection.fields,
        "search": selection.search,
        "examples": Client.objects.filter(id__in=ids[:EXAMPLES]).order_by("phone_number"),
        "count": len(ids),
        "further": max(0, len(ids) - EXAMPLES),
        "is_too_many": len(ids) > MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
        "back": back,
    }
    return render(request, "dashboard/clients/bulk.html", context, status=422 if is_sent else 200)


def _report(
    request: OperatorRequest, act: "BulkAction", ids: Sequence[int], data: dict[str, Any]
) -> None:
    """Execute the action in chunks, and report the number of clients."""
    done = act.done(Client.objects.filter(id__in=ids), data)
    done_ids = set(done.values_list("id", flat=True))
    pending = [id for id in ids if id not in done_ids]
    looked_at, changed = 0, len(done_ids)
    ends = time.monotonic() + MOST_SECONDS
    try:
        for chunk in _chunks(pending):
            # At least one chunk, so that repeating the action always makes progress.
            if looked_at and time.monotonic() > ends:
                break
            changed += act.run(chunk, data)
            looked_at += len(chunk)
    finally:
        # Interrupted, or out of time: the same page, submitted again, continues.
        settle_claim(request.POST, is_done=looked_at == len(pending))
    messages.success(request, act.success_text(changed))
    if remaining := len(pending) - looked_at:
        messages.warning(request, _left(remaining))


def _left(count: int) -> str:
    text = ngettext(
        "The request ran out of time: %(count)s client is unchanged. Repeat the action.",
        "The request ran out of time: %(count)s clients are unchanged. Repeat the action.",
        count,
    )
    return text % {"count": number(count)}


def _search(selection: Selection) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in selection.fields if name in SEARCH})
    return query.urlencode()


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))

"""Many clients at once: a tag, the stop list, deletion. Asked on a page that says which.

The page carries a signed digest of the clients that it asked about. Where the same search or the
same ticks mean other clients by then, nothing is done and the page asks again.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action, may
from vestnik.audience.models import Client
from vestnik.audience.stop_list import LONGEST_REASON, Source
from vestnik.audience.validation import LONGEST_TAG
from vestnik.dashboard.clients.search import SearchForm, selected
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.web.decorators import OperatorRequest, forbidden, page
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.db.errors import retry_on_conflict
from vestnik.dispatch.suppress.opt_out import stop_numbers
from vestnik.dispatch.suppress.revocation import delete_clients

#: More at once would keep a request waiting for too long.
MOST_AT_ONCE = 10_000
CHUNK = 500
#: No further chunk is begun after so long: the request still has the time to say what was done.
MOST_SECONDS = 15.0
SEARCH = ("q", "code", "tag", "audience")
SALT = "clients.bulk"
EXAMPLES = 5


class BulkForm(forms.Form):
    """What is asked before it is done. `shown` proves which clients the page asked about."""

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
            self.add_error(None, _("Other clients fit by now than the page showed: look again."))
        elif self.does == "delete" and data.get("typed", "").replace(" ", "") != str(self.count):
            self.add_error("typed", _("Type %(count)s to delete them.") % {"count": self.count})
        return data


def sign(does: str, ids: Sequence[int]) -> str:
    """What a page carries that asks whether to do this to these clients."""
    digest = hashlib.sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()
    return signing.Signer(salt=SALT).sign(f"{does} {len(ids)} {digest}")


def is_signed(proof: str, does: str, ids: Sequence[int]) -> bool:
    """Whether a page with that proof asked about just these clients."""
    return constant_time_compare(proof, sign(does, ids))


@dataclass(frozen=True)
class Selection:
    """Ticked clients, or all that a search finds."""

    clients: QuerySet[Client]
    fields: list[tuple[str, str]]
    #: The search in words; empty where clients are ticked, or all are meant.
    search: Sequence[tuple[str, str]] = ()

    @classmethod
    def read(cls, data: QueryDict) -> "Selection | None":
        """None where the search cannot be read, which is never everybody."""
        if "all" not in data:
            # Of more digits than an id has, Python would refuse to read some at all.
            written = [one for one in data.getlist("id") if len(one) < 19 and one.isascii()]
            ids = [int(one) for one in written if one.isdecimal()][: MOST_AT_ONCE + 1]
            fields = [("id", str(one)) for one in ids]
            return cls(Client.objects.filter(id__in=ids), fields)
        search = SearchForm({name: data[name] for name in SEARCH if name in data})
        if not search.is_valid():
            return None
        fields = [("all", "1"), *((name, str(data[name])) for name in SEARCH if data.get(name))]
        return cls(selected(search.filters()), fields, search.describe())

    def ids(self) -> list[int]:
        """In the order of the numbers, in which everything locks clients; at most one too many."""
        found = self.clients.order_by("phone_number").values_list("id", flat=True)
        return list(found[: MOST_AT_ONCE + 1])


@page(Action.SEND, keeps=True)
def client_bulk(request: OperatorRequest) -> HttpResponse:
    """Ask whether it is meant, and do it."""
    data = request.GET if (written := submitted_or_restored(request)) is None else written
    does = data.get("does", "")
    selection = Selection.read(data)
    if does not in BULK_ACTIONS or selection is None:
        messages.error(request, _("Nothing was done: choose clients in the list, and what to do."))
        return redirect("client-list")
    if not may(request.user.role, BULK_ACTIONS[does].needs):
        return forbidden(request, BULK_ACTIONS[does].needs)
    ids = selection.ids()
    if not ids:
        messages.error(request, _("Nothing was done: no client is chosen."))
        return redirect("client-list")
    return _show_confirmation(request, selection, does, ids)


def _show_confirmation(
    request: OperatorRequest, selection: Selection, does: str, ids: Sequence[int]
) -> HttpResponse:
    is_sent, back = request.method == "POST", f"{reverse('client-list')}?{_search(selection)}"
    form = BulkForm(submitted_or_restored(request), ids=ids, does=does)
    clear_restored_errors(request, form)
    if is_sent and len(ids) <= MOST_AT_ONCE and form.is_valid():
        _report(request, BULK_ACTIONS[does], ids, form.cleaned_data)
        return redirect(back)
    if form.is_bound:
        form.data = form.data.copy()  # type: ignore[attr-defined]  # what was sent is a QueryDict
        form.data["shown"] = sign(does, ids)  # type: ignore[index]  # may be written to
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
    """Do it, and say to how many it was done."""
    looked_at, done = 0, 0
    ends = time.monotonic() + MOST_SECONDS
    for chunk in _chunks(ids):
        if looked_at and time.monotonic() > ends:
            break
        done += act.run(chunk, data)
        looked_at += len(chunk)
    messages.success(request, act.success_text(done))
    if left := len(ids) - looked_at:
        messages.warning(request, _left(left))


def _left(count: int) -> str:
    said = ngettext(
        "The time of a request was over: %(count)s client was left as it was. Do it again.",
        "The time of a request was over: %(count)s clients were left as they were. Do it again.",
        count,
    )
    return said % {"count": number(count)}


def _search(selection: Selection) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in selection.fields if name in SEARCH})
    return query.urlencode()


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


@retry_on_conflict
def _tag(ids: Sequence[int], data: dict[str, Any]) -> int:
    with transaction.atomic():
        locked = Client.objects.select_for_update().filter(id__in=ids).order_by("phone_number")
        there = [client.id for client in locked]
        return Client.objects.filter(id__in=there).update(tag=data["new_tag"])


def _stop(ids: Sequence[int], data: dict[str, Any]) -> int:
    numbers = list(Client.objects.filter(id__in=ids).values_list("phone_number", flat=True))
    stop_numbers(numbers, Source.PAGES, data["reason"])
    return len(numbers)


def _delete(ids: Sequence[int], _data: dict[str, Any]) -> int:
    return delete_clients(ids)


def _tagged_text(count: int) -> str:
    said = ngettext("%(count)s client is tagged.", "%(count)s clients are tagged.", count)
    return said % {"count": number(count)}


def _stopped_text(count: int) -> str:
    said = ngettext(
        "%(count)s client is on the stop list.", "%(count)s clients are on the stop list.", count
    )
    return said % {"count": number(count)}


def _deleted_text(count: int) -> str:
    said = ngettext("%(count)s client is deleted.", "%(count)s clients are deleted.", count)
    return said % {"count": number(count)}


@dataclass(frozen=True)
class BulkAction:
    """Something done to a chunk of clients: who may, what is done, and what is told of it."""

    label: Promise
    needs: Action
    run: Callable[[Sequence[int], dict[str, Any]], int]
    success_text: Callable[[int], str]


BULK_ACTIONS = {
    "tag": BulkAction(gettext_lazy("Change the tag"), Action.SEND, _tag, _tagged_text),
    "stop": BulkAction(gettext_lazy("Put on the stop list"), Action.SEND, _stop, _stopped_text),
    "delete": BulkAction(gettext_lazy("Delete"), Action.MANAGE, _delete, _deleted_text),
}

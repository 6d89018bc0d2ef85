"""Many clients at once: a tag, the stop list, deletion. Asked on a page that says how many.

What is agreed to is the number that the page showed: where another number of clients fits by then,
nothing is done and the page asks again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action, may
from vestnik.audience.models import Client
from vestnik.audience.stoplist import LONGEST_REASON, Source
from vestnik.audience.validation import LONGEST_TAG
from vestnik.dashboard.clients.finding import SearchForm, selected
from vestnik.dashboard.keeping import unchecked, written_on
from vestnik.dashboard.pages import OperatorRequest, forbidden, page
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.db.trouble import retried
from vestnik.dispatch.stopping import stop
from vestnik.dispatch.withdrawal import delete_clients

#: More at once would keep a request waiting for too long.
MOST_AT_ONCE = 10_000
CHUNK = 500
SEARCH = ("q", "code", "tag", "audience")


class BulkForm(forms.Form):
    """What is asked before it is done. `shown` is the number of clients on the page."""

    shown = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    new_tag = forms.CharField(required=False, max_length=LONGEST_TAG, label=gettext_lazy("New tag"))
    reason = forms.CharField(
        required=False, max_length=LONGEST_REASON, label=gettext_lazy("Reason")
    )
    typed = forms.CharField(
        required=False, max_length=12, label=gettext_lazy("Number of clients to delete")
    )

    def __init__(self, *args: Any, count: int, does: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count, self.does = count, does
        self.fields["typed"].required = does == "delete"
        self.fields["typed"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "off"}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("shown") != self.count:
            self.add_error(None, _("Another number of clients fits by now: look again."))
        elif self.does == "delete" and data.get("typed", "").replace(" ", "") != str(self.count):
            self.add_error("typed", _("Type %(count)s to delete them.") % {"count": self.count})
        return data


@dataclass(frozen=True)
class Selection:
    """Ticked clients, or all that a search finds."""

    clients: QuerySet[Client]
    fields: list[tuple[str, str]]

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
        return cls(selected(search.asked()), fields)

    def ids(self) -> list[int]:
        """In the order of the numbers, in which everything locks clients; at most one too many."""
        found = self.clients.order_by("phone_number").values_list("id", flat=True)
        return list(found[: MOST_AT_ONCE + 1])


@page(Action.SEND, keeps=True)
def client_bulk(request: OperatorRequest) -> HttpResponse:
    """Ask whether it is meant, and do it."""
    data = request.GET if (written := written_on(request)) is None else written
    does = data.get("does", "")
    selection = Selection.read(data)
    if does not in ACTS or selection is None:
        messages.error(request, _("Nothing was done: choose clients in the list, and what to do."))
        return redirect("client-list")
    if not may(request.user.role, ACTS[does].needs):
        return forbidden(request, ACTS[does].needs)
    ids = selection.ids()
    if not ids:
        messages.error(request, _("Nothing was done: no client is chosen."))
        return redirect("client-list")
    return _asked(request, selection, does, ids)


def _asked(
    request: OperatorRequest, selection: Selection, does: str, ids: Sequence[int]
) -> HttpResponse:
    count, is_sent = len(ids), request.method == "POST"
    form = BulkForm(written_on(request), count=count, does=does)
    unchecked(request, form)
    if is_sent and count <= MOST_AT_ONCE and form.is_valid():
        done = ACTS[does].run(ids, form.cleaned_data)
        messages.success(request, ACTS[does].told(done))
        return redirect(f"{reverse('client-list')}?{_search(selection)}")
    if form.is_bound:
        form.data = form.data.copy()  # type: ignore[attr-defined]  # what was sent is a QueryDict
        form.data["shown"] = str(count)  # type: ignore[index]  # the copy may be written to
    else:
        form.initial["shown"] = count
    context = {
        "section": "client-list",
        "form": form,
        "does": does,
        "fields": selection.fields,
        "count": count,
        "is_too_many": count > MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
        "back": f"{reverse('client-list')}?{_search(selection)}",
    }
    return render(request, "dashboard/clients/bulk.html", context, status=422 if is_sent else 200)


def _search(selection: Selection) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in selection.fields if name in SEARCH})
    return query.urlencode()


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _tag(ids: Sequence[int], data: dict[str, Any]) -> int:
    return sum(_tag_chunk(chunk, data["new_tag"]) for chunk in _chunks(ids))


@retried
def _tag_chunk(ids: Sequence[int], tag: str) -> int:
    with transaction.atomic():
        locked = Client.objects.select_for_update().filter(id__in=ids).order_by("phone_number")
        return Client.objects.filter(id__in=[client.id for client in locked]).update(tag=tag)


def _stop(ids: Sequence[int], data: dict[str, Any]) -> int:
    done = 0
    for chunk in _chunks(ids):
        numbers = list(Client.objects.filter(id__in=chunk).values_list("phone_number", flat=True))
        stop(numbers, Source.PAGES, data["reason"])
        done += len(numbers)
    return done


def _delete(ids: Sequence[int], _data: dict[str, Any]) -> int:
    return sum(delete_clients(chunk) for chunk in _chunks(ids))


def _tagged(count: int) -> str:
    said = ngettext("%(count)s client is tagged.", "%(count)s clients are tagged.", count)
    return said % {"count": number(count)}


def _stopped(count: int) -> str:
    said = ngettext(
        "%(count)s client is on the stop list.", "%(count)s clients are on the stop list.", count
    )
    return said % {"count": number(count)}


def _deleted(count: int) -> str:
    said = ngettext("%(count)s client is deleted.", "%(count)s clients are deleted.", count)
    return said % {"count": number(count)}


@dataclass(frozen=True)
class Act:
    """Something done to many clients: who may, what is done, and what is said of it."""

    label: Promise
    needs: Action
    run: Callable[[Sequence[int], dict[str, Any]], int]
    told: Callable[[int], str]


ACTS = {
    "tag": Act(gettext_lazy("Change the tag"), Action.SEND, _tag, _tagged),
    "stop": Act(gettext_lazy("Put on the stop list"), Action.SEND, _stop, _stopped),
    "delete": Act(gettext_lazy("Delete"), Action.MANAGE, _delete, _deleted),
}

"""The list of clients, as a page and as a file."""

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render

from vestnik.audience.models import Client
from vestnik.audience.phone_parsing import normalised
from vestnik.dashboard.audience_builder.suggestions import suggestions
from vestnik.dashboard.clients import columns
from vestnik.dashboard.clients.bulk import SEARCH
from vestnik.dashboard.clients.search import SearchForm, SearchResult, find, selected
from vestnik.dashboard.web.decorators import OperatorRequest, is_htmx, page
from vestnik.dashboard.web.paging import paginate
from vestnik.dashboard.wording import readable_tables
from vestnik.reports.files import exports
from vestnik.reports.files.downloads import FORMATS, download


@page()
def client_list(request: OperatorRequest) -> HttpResponse:
    """List clients, the newest first."""
    form = SearchForm(request.GET)
    filters = form.filters()
    # An invalid search shows no clients instead of all.
    result = SearchResult(Client.objects.none(), 0) if form.errors else find(filters)
    suggested = suggestions()
    chosen = columns.chosen(request, list(suggested.names))
    listed = paginate(request, lambda keyset: keyset.take(result.clients), newest_first=True)
    context = {
        "form": form,
        "is_part": is_htmx(request),
        "asked": filters,
        "to_add": normalised(filters.get("q", "")),
        "found": result,
        "listed": listed,
        "rows": [(client, columns.cells(client, chosen)) for client in listed.rows],
        "columns": chosen,
        "asked_fields": [(n, request.GET[n]) for n in SEARCH if request.GET.get(n)],
        "suggestions": suggested,
        "query": _query(request),
    }
    return render(request, "dashboard/clients/list.html", context)


@page()
def client_export(request: OperatorRequest) -> HttpResponseBase:
    """Export the listed clients, as a file for imports or for people."""
    search, form = SearchForm(request.GET), request.GET.get("format", "")
    form = form if form in FORMATS else "csv"
    if not search.is_valid():  # a deleted audience must not select everyone
        raise Http404
    table = exports.clients(selected(search.filters()))
    if readable_tables.is_for_people(request):
        table = readable_tables.clients(table, form)
    return download("clients", form, table)


def _query(request: OperatorRequest) -> str:
    """Return the search parameters without the page, for the links to the files."""
    query = request.GET.copy()
    for name in ("cursor", "format", readable_tables.PARAMETER, columns.CHOSEN, columns.COLUMN):
        query.pop(name, None)
    return query.urlencode()

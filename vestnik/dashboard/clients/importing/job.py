"""One file from its mapping to its result, on one page that tells where it is."""

from collections.abc import Iterator

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from vestnik.access.roles import Action, may
from vestnik.audience.importing import stored
from vestnik.audience.imports import Import, ImportState, Into, RefusedRow
from vestnik.dashboard.clients.importing.mapping import Draft
from vestnik.dashboard.clients.importing.mapping_forms import ENCODINGS
from vestnik.dashboard.clients.importing.progress import OPEN, progress_of
from vestnik.dashboard.web.decorators import ANY, OperatorRequest, forbidden, is_htmx, page
from vestnik.dashboard.web.kept_forms import submitted_or_restored
from vestnik.dashboard.wording.reasons import said
from vestnik.dispatch.runtime.import_runner import enqueue
from vestnik.reasons.reason import Reason
from vestnik.reports.files.downloads import FORMATS, download
from vestnik.reports.files.table_writers import Cell

MOST_SHOWN = 50
LONGEST = 300
READ_AT_ONCE = 2000
SECTIONS = {Into.CLIENTS: "client-list", Into.STOP_LIST: "stop-list-page"}


@page(methods=ANY, keeps=True)
def import_page(request: OperatorRequest, id: int) -> HttpResponse:
    """A draft's columns; how far one is that is read; what became of one that has ended."""
    job = job_or_404(id)
    if request.method == "POST":
        return _ordered(request, job)
    if job.state == ImportState.DRAFT and may(request.user.role, Action.SEND):
        return _draft(request, Draft(job, submitted_or_restored(request)))
    return _told(request, job)


@page()
def import_refused(request: OperatorRequest, id: int) -> HttpResponseBase:
    """The rows that were refused, as a file to be corrected."""
    job = job_or_404(id)
    form = request.GET.get("format", "")
    return download(f"refused-{id}", form if form in FORMATS else "csv", _refused(job))


def job_or_404(id: int) -> Import:
    """As `one.client_or_404`."""
    return get_object_or_404(Import, id=min(id, 2**63 - 1))


def _ordered(request: OperatorRequest, job: Import) -> HttpResponse:
    """A draft is started, put aside, or its columns are named anew."""
    if not may(request.user.role, Action.SEND):
        return forbidden(request, Action.SEND)
    if job.state != ImportState.DRAFT:
        return _back_to(request, job)
    if "discard" in request.POST:
        stored.drafts().filter(id=job.id).delete()
        messages.success(request, _("The file is discarded; nothing was imported from it."))
        return redirect("import-clients")
    draft = Draft(job, request.POST)
    if "start" in request.POST and draft.may_start():
        _start(job, draft)
        return redirect("import-page", job.id)
    stored.drafts().filter(id=job.id).update(options=draft.kept)
    return _draft(request, draft, status=422 if "start" in request.POST else 200)


def _start(job: Import, draft: Draft) -> None:
    """As one: a look at the columns that comes in between would have other ones read."""
    with transaction.atomic():
        stored.drafts().filter(id=job.id).update(options=draft.kept)
        if stored.start(job.id):
            enqueue(job.id)


def _back_to(request: OperatorRequest, job: Import) -> HttpResponse:
    """To the page of the import as a whole: a part of it would find no place in the columns'."""
    if not is_htmx(request):
        return redirect("import-page", job.id)
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = resolve_url("import-page", job.id)
    return answer


def _draft(request: OperatorRequest, draft: Draft, status: int = 200) -> HttpResponse:
    context = {"section": SECTIONS[Into(draft.job.into)], "job": draft.job, "draft": draft}
    answer = render(request, "dashboard/clients/importing/mapping.html", context, status=status)
    if is_htmx(request) and not draft.is_same_head:
        for header in ("HX-Retarget", "HX-Reselect"):
            answer[header] = "#columns"
    return answer


def _told(request: OperatorRequest, job: Import) -> HttpResponse:
    part = "result" if is_htmx(request) else "page"
    rows = job.refused_rows.order_by("line")[:MOST_SHOWN] if job.refused or job.duplicates else []
    context = {
        "section": SECTIONS[Into(job.into)],
        "job": job,
        "is_open": job.state in OPEN,
        # What came of the file since the job was read the page learns from its first event.
        "progress": progress_of(job.id) if job.state in OPEN else None,
        "error": said(job.why),
        "read_as": list(_read_as(job)),
        "refused": [_shown(row) for row in rows],
        "adds_up": job.rows == counted(job),
        "remarks": [remark | {"why": said(remark["why"])} for remark in job.readable_remarks],
        "more_remarks": job.misfits - len(job.readable_remarks),
        "more_refused": max(0, job.refused + job.duplicates - MOST_SHOWN),
    }
    return render(request, f"dashboard/clients/importing/{part}.html", context)


def _read_as(job: Import) -> Iterator[str]:
    """How the file was read, each thing in words."""
    read = job.read_as
    if encoding := dict(ENCODINGS).get(read.get("encoding", "")):
        yield _("encoding %(encoding)s") % {"encoding": encoding}
    if sheets := read.get("sheets"):
        yield _("read: %(sheets)s") % {"sheets": ", ".join(sheets)}
    if unread := read.get("unread_sheets"):
        yield _("sheets not read: %(sheets)s") % {"sheets": ", ".join(unread)}
    line = read.get("header_line")
    if line is not None:
        yield _("header in line %(line)s") % {"line": line} if line else _("no header")


def counted(job: Import) -> int:
    """All rows, by what became of them."""
    return job.created + job.updated + job.unchanged + job.duplicates + job.refused


def _shown(row: RefusedRow) -> dict[str, object]:
    cells = " · ".join(filter(None, row.cells))
    return {"row": row, "why": said(row.why), "cells": Truncator(cells).chars(LONGEST)}


def _refused(job: Import) -> Iterator[list[Cell]]:
    columns = ("line", "reason", "reason_details", "cells")
    rows = job.refused_rows.order_by("line").values_list(*columns)
    yield [_("line"), _("reason"), _("row")]
    for line, reason, details, cells in rows.iterator(chunk_size=READ_AT_ONCE):
        yield [line, said(Reason.stored(reason, details)), *cells]

"""One import from its mapping to its result, on one page."""

from collections.abc import Iterator

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from vestnik.access.roles import Action, may
from vestnik.audience.importing import stored
from vestnik.audience.imports import OPEN, Import, ImportState, Into, RefusedRow
from vestnik.dashboard.clients.importing.mapping import Draft
from vestnik.dashboard.clients.importing.mapping_forms import ENCODINGS
from vestnik.dashboard.clients.importing.progress import progress_of
from vestnik.dashboard.web.decorators import ANY, OperatorRequest, forbidden, is_htmx, page
from vestnik.dashboard.web.form_idempotency import redirect_deleted
from vestnik.dashboard.web.kept_forms import submitted_or_restored
from vestnik.dashboard.wording.reasons import said
from vestnik.db.keyset import MAX_ID
from vestnik.dispatch.runtime.import_runner import enqueue
from vestnik.reasons.reason import Reason
from vestnik.reports.files.downloads import FORMATS, download
from vestnik.reports.files.table_writers import Cell

#: Refused rows on the page; all of them are in the file.
MOST_SHOWN = 50
#: Characters of a refused row on the page.
LONGEST = 300
#: Rows that the download reads at once, so that its memory use is constant.
READ_AT_ONCE = 2000
SECTIONS = {Into.CLIENTS: "client-list", Into.STOP_LIST: "stop-list-page"}


@page(methods=ANY, keeps=True)
def import_page(request: OperatorRequest, id: int) -> HttpResponse:
    """Show the columns of a draft, the progress of a running import, or the result."""
    if "discard" in request.POST and not Import.objects.filter(id=min(id, MAX_ID)).exists():
        return redirect_deleted(request, "import-clients")
    job = job_or_404(id)
    if request.method == "POST":
        return _act_on_draft(request, job)
    if job.state == ImportState.DRAFT and may(request.user.role, Action.SEND):
        return _draft(request, Draft(job, submitted_or_restored(request)))
    return _told(request, job)


@page()
def import_refused(request: OperatorRequest, id: int) -> HttpResponseBase:
    """Return the refused rows as a file, to be corrected."""
    job = job_or_404(id)
    form = request.GET.get("format", "")
    return download(f"refused-{id}", form if form in FORMATS else "csv", _refused(job))


def job_or_404(id: int) -> Import:
    """Return the import, with the same check of the id as `detail.client_or_404`."""
    return get_object_or_404(Import, id=min(id, MAX_ID))


def _act_on_draft(request: OperatorRequest, job: Import) -> HttpResponse:
    """Start or discard a draft, or change its mapping."""
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
    """Save the options and start the import in one transaction."""
    with transaction.atomic():
        stored.drafts().filter(id=job.id).update(options=draft.kept)
        if stored.start(job.id):
            enqueue(job.id)


def _back_to(request: OperatorRequest, job: Import) -> HttpResponse:
    """Redirect to the whole page: a part of it would not fit into the page of columns."""
    if not is_htmx(request):
        return redirect("import-page", job.id)
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = resolve_url("import-page", job.id)
    return answer


def _draft(request: OperatorRequest, draft: Draft, status: int = 200) -> HttpResponse:
    context = {"section": SECTIONS[Into(draft.job.into)], "job": draft.job, "draft": draft}
    answer = render(request, "dashboard/clients/importing/mapping.html", context, status=status)
    # With other columns the whole table is replaced, not only its rows.
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
        # The first event of the live topic updates this.
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
    """Yield in words how the file was read."""
    details = job.read_as
    if encoding := dict(ENCODINGS).get(details.get("encoding", "")):
        yield _("encoding %(encoding)s") % {"encoding": encoding}
    if sheets := details.get("sheets"):
        yield _("read: %(sheets)s") % {"sheets": ", ".join(sheets)}
    if unread := details.get("unread_sheets"):
        yield _("sheets not read: %(sheets)s") % {"sheets": ", ".join(unread)}
    line = details.get("header_line")
    if line is not None:
        yield _("header in line %(line)s") % {"line": line} if line else _("no header")


def counted(job: Import) -> int:
    """Return the number of all processed rows."""
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

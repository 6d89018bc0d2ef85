"""Saved audiences, and the builder that edits them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from vestnik.access.roles import Action
from vestnik.audience.models import SavedAudience
from vestnik.audience.saved_audiences import save_audience
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.audience_builder.condition_hints import condition_hints
from vestnik.dashboard.web import dirty_fields
from vestnik.dashboard.web.decorators import OperatorRequest, is_htmx, page
from vestnik.dashboard.web.form_idempotency import create_from_page, redirect_deleted
from vestnik.dashboard.web.kept_forms import submitted_or_restored
from vestnik.dashboard.wording.bidi import isolate
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.one_line import unless_untouched

PAGE_SIZE = 50


@page(Action.SEND, methods=("POST",))
def audience_builder(request: OperatorRequest) -> HttpResponse:
    """Return the builder after one of its buttons was pressed, as a part of the open page."""
    audience = AudienceForm.changed(request.POST) or AudienceForm.submitted(request.POST)
    context = {"audience": audience, "may_keep": "audience_name" in request.POST}
    response = render(request, "components/audience.html", context)
    # Counts and previews of the filter listen to this event and refresh.
    response["HX-Trigger-After-Settle"] = "audience-changed"
    return response


@page(methods=("GET", "HEAD"))
def audience_list(request: OperatorRequest) -> HttpResponse:
    """List the saved audiences by name; each is counted when it becomes visible."""
    start = _start(request.GET.get("after", ""))
    page_rows = list(SavedAudience.objects.order_by("name", "id")[start : start + PAGE_SIZE + 1])
    audiences = [(saved, describe(saved.filter)) for saved in page_rows[:PAGE_SIZE]]
    context = {
        "audiences": audiences,
        "older": f"?after={start + PAGE_SIZE}" if len(page_rows) > PAGE_SIZE else "",
        "newer": f"?after={max(0, start - PAGE_SIZE)}" if start else "",
        "section": "client-list",
    }
    return render(request, "dashboard/clients/audiences.html", context)


@page(methods=("GET", "HEAD"))
def audience_count(request: OperatorRequest, id: int) -> HttpResponse:
    """Count the clients that an audience selects."""
    saved = get_object_or_404(SavedAudience, id=id)
    counted = {
        "count": select_recipients(saved.filter).count(),
        "condition_hints": condition_hints(saved.filter),
    }
    if is_htmx(request):
        return render(request, "dashboard/clients/audience_count.html", counted)
    context = {**counted, "saved": saved, "section": "client-list"}
    return render(request, "dashboard/clients/audience_counted.html", context)


@page(Action.SEND, methods=("POST",))
def filter_count(request: OperatorRequest) -> HttpResponse:
    """Count the clients that the unsaved filter of the builder selects."""
    counted = _counted(AudienceForm.submitted(request.POST))
    return render(request, "dashboard/clients/audience_count.html", counted)


@page(Action.SEND, keeps=True)
def new_audience(request: OperatorRequest) -> HttpResponse:
    """Create a saved audience."""
    return _edit(request, None)


@page(Action.SEND, keeps=True)
def edit_audience(request: OperatorRequest, id: int) -> HttpResponse:
    """Change the name or the filter of a saved audience."""
    return _edit(request, get_object_or_404(SavedAudience, id=id))


@page(Action.SEND)
def delete_audience(request: OperatorRequest, id: int) -> HttpResponse:
    """Delete an audience after a confirmation."""
    saved = SavedAudience.objects.filter(id=id).first()
    if saved is None:
        if request.method == "POST":
            return redirect_deleted(request, "audience-list")
        raise Http404
    if request.method == "POST":
        saved.delete()
        messages.success(
            request, _("The audience “%(name)s” is deleted.") % {"name": isolate(saved.name)}
        )
        return redirect("audience-list")
    context = {"saved": saved, "words": describe(saved.filter), "section": "client-list"}
    return render(request, "dashboard/clients/audience_delete.html", context)


def _edit(request: OperatorRequest, saved: SavedAudience | None) -> HttpResponse:
    context: dict[str, Any] = {"saved": saved, "section": "client-list"}
    data = submitted_or_restored(request)
    if data is None:
        context["name"] = saved.name if saved else ""
        context["audience"] = AudienceForm.from_filter(saved.filter if saved else {})
        context["marks"] = dirty_fields.marks_of(_fields(saved)) if saved else ""
        return _page(request, context)
    context["name"] = name = unless_untouched(data.get("name", ""), saved.name if saved else "")
    context["marks"] = data.get(dirty_fields.FIELD, "")
    # A button of the builder was pressed, so nothing is saved yet.
    if changed := AudienceForm.changed(data):
        return _page(request, {**context, "audience": changed})
    if request.restored:
        return _page(request, {**context, "audience": AudienceForm.restored(data)})
    context["audience"] = audience = AudienceForm.submitted(data)
    if "count" in request.POST:
        return _page(request, context | _counted(audience))
    if problem := _problem(request, name, audience, saved):
        return _page(request, {**context, "is_wrong": True, **problem})
    messages.success(request, _("The audience “%(name)s” is saved.") % {"name": isolate(name)})
    return redirect("audience-list")


def _page(request: OperatorRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "dashboard/clients/audience_edit.html", context)


def _counted(audience: AudienceForm) -> dict[str, Any]:
    """Count the clients of the filter, with hints on ranges that cannot match."""
    if not audience.is_valid():
        return {"count": None}
    selected = audience.audience
    return {
        "count": select_recipients(selected).count(),
        "condition_hints": condition_hints(selected),
    }


def _fields(saved: SavedAudience) -> dict[str, Any]:
    return {"name": saved.name, "filter": saved.filter}


def _conflicts(
    name: str, audience: AudienceForm, saved: SavedAudience, marks: str
) -> dict[str, Any] | None:
    """Return the context if another user has changed the same fields since the page was opened."""
    now = _fields(saved)
    names = dirty_fields.conflicts({"name": name, "filter": audience.audience}, marks, now)
    if not names:
        return None
    problems = (
        {"name_problem": dirty_fields.conflict_text("", saved.name)} if "name" in names else {}
    )
    if "filter" in names:
        audience.warnings.append(dirty_fields.conflict_text("", "; ".join(describe(saved.filter))))
    return {**problems, "marks": dirty_fields.refresh_marks(marks, now, names)}


def _problem(
    request: OperatorRequest, name: str, audience: AudienceForm, saved: SavedAudience | None
) -> dict[str, Any] | None:
    """Save the audience; return the context of the problem if it cannot be saved."""
    if not audience.is_valid():
        return {"name_problem": ""}
    try:
        if saved is None:
            create_from_page(request.POST, lambda: save_audience(name, audience.audience).id)
            return None
        return _change(name, audience, saved.id, request.POST.get(dirty_fields.FIELD, ""))
    except ValidationError as error:
        return {"name_problem": " ".join(error.messages)}


def _change(name: str, audience: AudienceForm, id: int, marks: str) -> dict[str, Any] | None:
    """Save the fields that were changed on the page; return the context of a conflict."""
    with transaction.atomic():
        saved = get_object_or_404(SavedAudience.objects.select_for_update(), id=id)
        if conflict := _conflicts(name, audience, saved, marks):
            return conflict
        touched = dirty_fields.changed_fields({"name": name, "filter": audience.audience}, marks)
        filter = audience.audience if "filter" in touched else saved.filter
        save_audience(name if "name" in touched else saved.name, filter, id)
    return None


def _start(after: str) -> int:
    return int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0

"""The page of one mailing: progress, settings, actions and history."""

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from vestnik.dashboard.mailings.actions.unknown import unknown_messages_of
from vestnik.dashboard.mailings.actions.views import possible_actions
from vestnik.dashboard.mailings.detail.history import history_of
from vestnik.dashboard.mailings.detail.messages import table
from vestnik.dashboard.mailings.detail.progress import progress_context
from vestnik.dashboard.mailings.detail.summary import summary_of
from vestnik.dashboard.mailings.lookups import mailing_or_404, progress_for
from vestnik.dashboard.mailings.report.charts import charts_of
from vestnik.dashboard.mailings.report.svg_chart import draw
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.wording.reasons import said
from vestnik.dashboard.wording.zones import here
from vestnik.dispatch.prepare.follow_up import ENDED_STATES
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.read.progress import Progress
from vestnik.mailings.models import BEFORE_THE_START, UNDER_WAY, Mailing
from vestnik.mailings.rules import changeable
from vestnik.reports.mailing.revision import current_revision
from vestnik.reports.mailing.snapshot import snapshot_of


@page()
def mailing_page(request: OperatorRequest, id: int) -> HttpResponse:
    """Return the page of a mailing, or the part of it that htmx requests."""
    mailing = mailing_or_404(id)
    match request.headers.get("HX-Target"):
        case "head" | "doubt" | "curves":
            return _reload_page()
        case "message-rows":
            rows = {**table(request, mailing), "is_part": True}
            return render(request, "dashboard/mailings/message_rows.html", rows)
        case "mailing-header":
            return render(request, "dashboard/mailings/state_update.html", state_update(mailing))
        case "unknown":
            return render(request, "dashboard/mailings/unknown.html", unknown_of(mailing))
        case "charts":
            return render(request, "dashboard/mailings/charts.html", over_time(mailing))
    return render(request, "dashboard/mailings/detail.html", _whole(request, mailing))


def _reload_page() -> HttpResponse:
    """Reload a page that the version before made: its parts have other ids."""
    answer = HttpResponse(status=204)
    answer["HX-Refresh"] = "true"
    return answer


def head(mailing: Mailing, progress: Progress) -> dict[str, Any]:
    """Return the context of the head: the name, the state, and the possible actions."""
    return {
        "mailing": mailing,
        "progress": progress,
        "why": said(mailing.why),
        "actions": possible_actions(mailing),
        "is_under_way": mailing.state in UNDER_WAY,
        "is_over": mailing.state in ENDED_STATES and not mailing.is_test,
        "may_edit": mailing.state in BEFORE_THE_START,
        "may_change_text": mailing.state in UNDER_WAY and "text" in changeable(mailing),
    }


def state_update(mailing: Mailing) -> dict[str, Any]:
    """Return the context of the parts that change with the state."""
    progress = progress_for(mailing)
    return {**head(mailing, progress), **summary_and_history(mailing, progress), "is_update": True}


def summary_and_history(mailing: Mailing, progress: Progress) -> dict[str, Any]:
    """Return the context of the settings and of the history."""
    return {
        "summary": summary_of(mailing, progress),
        "history": history_of(mailing),
        "zone_label": here(mailing.starts_at),
    }


def unknown_of(mailing: Mailing) -> dict[str, Any]:
    """Return the context of the unknown messages and their actions."""
    unknown = progress_for(mailing)["unknown"]
    return {"mailing": mailing, "unknown": unknown_messages_of(mailing, unknown)}


def over_time(mailing: Mailing) -> dict[str, Any]:
    """Return the charts of the mailing, as its report draws them."""
    return {
        "mailing": mailing,
        "charts": [draw(chart) for chart in charts_of(mailing)],
        "is_under_way": mailing.state in UNDER_WAY,
    }


def _whole(request: OperatorRequest, mailing: Mailing) -> dict[str, Any]:
    snapshot = snapshot_of(mailing.id)
    if snapshot is None:
        raise Http404
    # The snapshot is newer than the mailing. The page shows the older state, so that the first
    # live event updates all of it.
    snapshot = replace(
        snapshot, state=mailing.state, starts_at=mailing.starts_at, started_at=mailing.started_at
    )
    progress = snapshot.progress
    return {
        "revision": current_revision(mailing, snapshot.now),
        **head(mailing, progress),
        **over_time(mailing),
        **progress_context(snapshot),
        **table(request, mailing),
        "unknown": unknown_messages_of(mailing, progress["unknown"]),
        **summary_and_history(mailing, progress),
        "is_for_nobody": _is_for_nobody(mailing),
        "section": "mailing-list",
    }


def _is_for_nobody(mailing: Mailing) -> bool:
    """Return whether no client matches, so that it would finish without a message."""
    return mailing.state in BEFORE_THE_START and not select_recipients(mailing.filter).exists()

"""The report of a mailing, to read, to print, and to share as one self-contained file."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from vestnik.dashboard.mailings.detail.breakdowns import broken_down
from vestnik.dashboard.mailings.detail.history import history_of
from vestnik.dashboard.mailings.detail.summary import summary_of
from vestnik.dashboard.mailings.lookups import mailing_or_404, progress_for
from vestnik.dashboard.mailings.report.charts import charts_of
from vestnik.dashboard.mailings.report.svg_chart import draw
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.wording.reasons import said
from vestnik.dashboard.wording.zones import here
from vestnik.dispatch.read.progress import reached
from vestnik.mailings.models import Mailing

#: The file loads nothing and runs no scripts, wherever it is opened.
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
#: Fonts would be loaded from the server, which the shared file must not do.
FONT = re.compile(r"@font-face\s*\{[^}]*\}\s*")
COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)


@page()
def report(request: OperatorRequest, id: int) -> HttpResponse:
    """Show the report within the dashboard."""
    return render(request, "dashboard/mailings/report.html", _report_of(mailing_or_404(id)))


@page()
def report_file(request: OperatorRequest, id: int) -> HttpResponse:
    """Download the report as one file that includes its styles and charts."""
    context = {**_report_of(mailing_or_404(id)), "styles": styles(), "policy": FILE_POLICY}
    answer = render(request, "dashboard/mailings/report_file.html", context)
    answer["Content-Disposition"] = f'attachment; filename="mailing-{id}-report.html"'
    answer["Content-Security-Policy"] = FILE_POLICY
    return answer


def _report_of(mailing: Mailing) -> dict[str, Any]:
    progress = progress_for(mailing)
    breakdown_context = {} if not progress["matched"] else broken_down(mailing, progress)
    return {
        "mailing": mailing,
        "progress": progress,
        "reached": reached(progress),
        "why": said(mailing.why),
        "summary": summary_of(mailing, progress),
        "charts": [draw(chart) for chart in charts_of(mailing)],
        "history": history_of(mailing),
        "made_at": timezone.now(),
        "zone_label": here(mailing.starts_at),
        "section": "mailing-list",
        **breakdown_context,
    }


@cache
def styles() -> SafeString:
    """Return the pages' styles without fonts, which would have to be loaded."""
    path = finders.find("dashboard/vestnik.css")
    text = FONT.sub("", Path(str(path)).read_text(encoding="utf-8"))
    return mark_safe(COMMENT.sub("", text))  # noqa: S308  (our own file, without a tag in it)

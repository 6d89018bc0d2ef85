"""A mailing's messages by operator code, by provider and by error.

They are computed on request, since every message has to be read.
"""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from vestnik.dashboard.mailings.detail.summary import price_in_words
from vestnik.dashboard.mailings.lookups import mailing_or_404, progress_for
from vestnik.dashboard.web.decorators import OperatorRequest, is_htmx, page
from vestnik.dispatch.read.progress import Progress
from vestnik.mailings.models import UNDER_WAY, Mailing
from vestnik.reports.mailing.breakdown import breakdown_of

#: Operator codes that the table shows; the others are collapsed.
MOST_CODES = 12
#: 200,000 messages take a quarter of a second to read.
FEW = 200_000


@page()
def breakdown(request: OperatorRequest, id: int) -> HttpResponse:
    """Return the breakdown as a part of the mailing's page, or as a page of its own."""
    mailing = mailing_or_404(id)
    frame = "dashboard/mailings/fragment.html" if is_htmx(request) else "dashboard/base.html"
    context = {"frame": frame, "mailing": mailing, "section": "mailing-list"}
    progress = progress_for(mailing)
    watched = watch_every(mailing, progress) if is_htmx(request) else None
    context |= broken_down(mailing, progress, watched)
    return render(request, "dashboard/mailings/breakdown_page.html", context)


def watch_every(mailing: Mailing, progress: Progress) -> int | None:
    """Return after how many seconds the page refreshes; None if nothing changes any more."""
    if mailing.state not in UNDER_WAY:
        return None
    return 15 if progress["matched"] <= FEW else 60


def broken_down(mailing: Mailing, progress: Progress, every: float | None = None) -> dict[str, Any]:
    """Return the context of the tables; rare operator codes are collapsed at the end."""
    groups = breakdown_of(mailing, progress, every)
    return {
        "codes": groups.codes[:MOST_CODES],
        "other_codes": groups.codes[MOST_CODES:],
        "troubles": groups.errors,
        "segments": groups.segments,
        "spent": price_in_words(mailing, groups.segments),
        "progress": progress,
        "watch_every": watch_every(mailing, progress),
    }

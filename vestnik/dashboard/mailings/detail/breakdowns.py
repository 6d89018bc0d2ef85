"""A mailing's messages by operator code, by provider and by error: looked up once it is asked for,
for every message has to be looked at."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from vestnik.dashboard.mailings.detail.summary import price_in_words
from vestnik.dashboard.mailings.lookups import mailing_or_404, progress_for
from vestnik.dashboard.web.decorators import OperatorRequest, is_htmx, page
from vestnik.dispatch.read.progress import Progress
from vestnik.mailings.models import UNDER_WAY, Mailing
from vestnik.reports.mailing.breakdown import breakdown_of

MOST_CODES = 12
#: 200,000 messages take a quarter of a second to be looked at.
FEW = 200_000


@page()
def breakdown(request: OperatorRequest, id: int) -> HttpResponse:
    """The breakdown: a part of the mailing's page, or a page of its own without JavaScript."""
    mailing = mailing_or_404(id)
    frame = "dashboard/mailings/fragment.html" if is_htmx(request) else "dashboard/base.html"
    context = {"frame": frame, "mailing": mailing, "section": "mailing-list"}
    progress = progress_for(mailing)
    watched = watch_every(mailing, progress) if is_htmx(request) else None
    context |= broken_down(mailing, progress, watched)
    return render(request, "dashboard/mailings/breakdown_page.html", context)


def watch_every(mailing: Mailing, progress: Progress) -> int | None:
    """After how many seconds who watches it asks again; None where it does not change."""
    if mailing.state not in UNDER_WAY:
        return None
    return 15 if progress["matched"] <= FEW else 60


def broken_down(mailing: Mailing, progress: Progress, every: float | None = None) -> dict[str, Any]:
    """What the tables are drawn of; codes that few have are at the end, behind one word."""
    found = breakdown_of(mailing, progress, every)
    return {
        "codes": found.codes[:MOST_CODES],
        "other_codes": found.codes[MOST_CODES:],
        "troubles": found.errors,
        "segments": found.segments,
        "spent": price_in_words(mailing, found.segments),
        "progress": progress,
        "watch_every": watch_every(mailing, progress),
    }

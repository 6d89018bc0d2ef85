"""A mailing's messages by operator code, by provider and by error: looked up once it is asked for,
for every message has to be looked at."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from vestnik.dashboard.mailings.facts import price_in_words
from vestnik.dashboard.mailings.found import mailing_or_404, progress_for
from vestnik.dashboard.pages import OperatorRequest, is_htmx, page
from vestnik.mailings.models import Mailing
from vestnik.reports.breakdown import breakdown_of
from vestnik.reports.progress import Progress

MOST_CODES = 12


@page()
def breakdown(request: OperatorRequest, id: int) -> HttpResponse:
    """The breakdown: a part of the mailing's page, or a page of its own without JavaScript."""
    mailing = mailing_or_404(id)
    frame = "dashboard/mailings/part.html" if is_htmx(request) else "dashboard/base.html"
    context = {"frame": frame, "mailing": mailing, "section": "mailing-list"}
    context |= broken_down(mailing, progress_for(mailing))
    return render(request, "dashboard/mailings/breakdown_page.html", context)


def broken_down(mailing: Mailing, progress: Progress) -> dict[str, Any]:
    """What the tables are drawn of; codes that few have are at the end, behind one word."""
    found = breakdown_of(mailing, progress)
    return {
        "codes": found.codes[:MOST_CODES],
        "other_codes": found.codes[MOST_CODES:],
        "troubles": found.troubles,
        "segments": found.segments,
        "spent": price_in_words(mailing, found.segments),
        "progress": progress,
    }

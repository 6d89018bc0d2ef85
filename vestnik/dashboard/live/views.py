"""The addresses that live.js listens to."""

from django.http import Http404, HttpResponseBase

from vestnik.dashboard.live.stream import answer
from vestnik.dashboard.live.topics import MailingTopic, OverviewTopic
from vestnik.dashboard.pages import OperatorRequest, page
from vestnik.mailings.models import Mailing


@page()
def live_mailing(request: OperatorRequest, id: int) -> HttpResponseBase:
    """The progress of a mailing."""
    if not Mailing.objects.filter(id=id).exists():
        raise Http404
    return answer(request, MailingTopic(id))


@page()
def live_overview(request: OperatorRequest) -> HttpResponseBase:
    """What the overview shows of this moment."""
    return answer(request, OverviewTopic())

"""The addresses that the pages' scripts listen to."""

from django.http import Http404, HttpResponseBase

from vestnik.dashboard.live.stream import answer, answer_all
from vestnik.dashboard.live.subscriptions import PARAMETER, subscribed
from vestnik.dashboard.live.topics import OverviewTopic, Topic, import_topic, mailing_topic
from vestnik.dashboard.web.decorators import OperatorRequest, page


@page()
def live(request: OperatorRequest) -> HttpResponseBase:
    """All that the open pages of a browser show."""
    return answer_all(request, subscribed(request.GET.getlist(PARAMETER)))


@page()
def live_mailing(request: OperatorRequest, id: int) -> HttpResponseBase:
    """The progress of a mailing."""
    return answer(request, _found(mailing_topic(id)))


@page()
def live_import(request: OperatorRequest, id: int) -> HttpResponseBase:
    """How far a file is read."""
    return answer(request, _found(import_topic(id)))


@page()
def live_overview(request: OperatorRequest) -> HttpResponseBase:
    """What the overview shows of this moment."""
    return answer(request, OverviewTopic())


def _found(topic: Topic | None) -> Topic:
    if topic is None:
        raise Http404
    return topic

"""The addresses that the pages' scripts listen to."""

from django.http import Http404, HttpResponseBase

from vestnik.dashboard.live.stream import respond, respond_all
from vestnik.dashboard.live.subscriptions import PARAMETER, parse_subscriptions
from vestnik.dashboard.live.topics import OverviewTopic, Topic, import_topic, mailing_topic
from vestnik.dashboard.web.decorators import OperatorRequest, page


@page()
def live(request: OperatorRequest) -> HttpResponseBase:
    """All that the open pages of a browser show."""
    return respond_all(request, parse_subscriptions(request.GET.getlist(PARAMETER)))


@page()
def live_mailing(request: OperatorRequest, id: int) -> HttpResponseBase:
    """The progress of a mailing."""
    return respond(request, _require_topic(mailing_topic(id)))


@page()
def live_import(request: OperatorRequest, id: int) -> HttpResponseBase:
    """How far a file is read."""
    return respond(request, _require_topic(import_topic(id)))


@page()
def live_overview(request: OperatorRequest) -> HttpResponseBase:
    """What the overview shows of this moment."""
    return respond(request, OverviewTopic())


def _require_topic(topic: Topic | None) -> Topic:
    if topic is None:
        raise Http404
    return topic

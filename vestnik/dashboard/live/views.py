"""The endpoints of the live pages' scripts."""

from django.http import Http404, HttpResponseBase

from vestnik.dashboard.live.stream import respond, respond_all
from vestnik.dashboard.live.subscriptions import PARAMETER, parse_subscriptions
from vestnik.dashboard.live.topics import OverviewTopic, Topic, import_topic, mailing_topic
from vestnik.dashboard.web.decorators import OperatorRequest, page


@page()
def live(request: OperatorRequest) -> HttpResponseBase:
    """Send all topics that the open pages of a browser show."""
    return respond_all(request, parse_subscriptions(request.GET.getlist(PARAMETER)))


@page()
def live_mailing(request: OperatorRequest, id: int) -> HttpResponseBase:
    """Send the progress of a mailing, to pages of earlier versions."""
    return respond(request, _require_topic(mailing_topic(id)))


@page()
def live_import(request: OperatorRequest, id: int) -> HttpResponseBase:
    """Send the progress of an import, to pages of earlier versions."""
    return respond(request, _require_topic(import_topic(id)))


@page()
def live_overview(request: OperatorRequest) -> HttpResponseBase:
    """Send the overview, to pages of earlier versions."""
    return respond(request, OverviewTopic())


def _require_topic(topic: Topic | None) -> Topic:
    if topic is None:
        raise Http404
    return topic

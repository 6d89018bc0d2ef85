"""Server-sent events: a thread that waits for each stream, and an answer at once for those who
cannot have one.

A stream holds no connection to the database. It is cut after some minutes, so that the session is
asked again, and it ends when its process does. Where a process has no more places, the page
asks every few seconds instead.
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone, translation

from vestnik.dashboard.live.shared_cache import fetch_shared
from vestnik.dashboard.live.subscriptions import Subscription, parse_instant, subscribe_all
from vestnik.dashboard.live.topics import Topic
from vestnik.dashboard.live.writers import EventWriter, MultiplexedWriter, SingleTopicWriter
from vestnik.dashboard.web.decorators import OperatorRequest

EVENTS = "text/event-stream"
#: Not all at once, lest they all come back at once.
STREAM_SECONDS = (240.0, 300.0)
WAIT_SECONDS = 1.0
RETRY = 2000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_slots = threading.BoundedSemaphore(settings.LIVE_STREAMS)
#: Whether this process is to end; gunicorn's worker says so.
_ending: list[Callable[[], bool]] = []


def set_ending_check(is_ending: Callable[[], bool]) -> None:
    """How a stream learns that its process is to end."""
    _ending[:] = [is_ending]


def respond(request: OperatorRequest, topic: Topic) -> HttpResponseBase:
    """One topic, for pages of the versions before: as a stream for those who accept one, else
    once. Nothing from before `since`, of which the page was made; nor, to who connects again,
    from before what came last."""
    last = request.headers.get("Last-Event-ID", "")
    since = max(parse_instant(request.GET.get("since", "")), parse_instant(last))
    reader = translation.get_language(), timezone.get_current_timezone()
    one = Subscription(topic.name, topic, since, *reader)
    if _wants_stream(request):
        return _stream(request, [one], SingleTopicWriter())
    word = _current_content(one)
    return HttpResponse(status=404) if word is None else JsonResponse(word)


def respond_all(
    request: OperatorRequest, subscriptions: Sequence[Subscription]
) -> HttpResponseBase:
    """All that the pages of a browser show: as a stream, or once."""
    if _wants_stream(request):
        return _stream(request, subscriptions, MultiplexedWriter())
    words = [(one.key, _current_content(one)) for one in subscriptions]
    return JsonResponse({"words": [{"on": key, **word} for key, word in words if word]})


def _wants_stream(request: OperatorRequest) -> bool:
    return request.headers.get("Accept") == EVENTS


def _stream(
    request: OperatorRequest, subscriptions: Sequence[Subscription], write: EventWriter
) -> HttpResponseBase:
    if not _slots.acquire(blocking=False):
        return HttpResponse(status=503, headers={"Retry-After": "60"})
    return Stream(
        subscriptions, write, partial(_has_disconnected, request.META.get("gunicorn.socket"))
    )


def _current_content(one: Subscription) -> dict[str, Any] | None:
    topic = one.topic
    data = fetch_shared(topic.name, topic.every, topic.fetch)
    if data is not None and data["now"] < one.since:
        data = topic.fetch()
    if data is None:
        return None
    with translation.override(one.language), timezone.override(one.zone):
        return {"now": data["now"].timestamp(), **asdict(topic.render(data))}


class Stream(StreamingHttpResponse):
    """Has a place among the streams of this process, and gives it back when it is closed."""

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        write: EventWriter,
        has_left: Callable[[], bool],
    ) -> None:
        super().__init__(
            _events(subscriptions, write, has_left),
            content_type=f"{EVENTS}; charset=utf-8",
            headers=HEADERS,
        )
        self._has_place = True

    def close(self) -> None:
        super().close()
        if self._has_place:
            self._has_place = False
            _slots.release()


def _has_disconnected(line: socket.socket | None) -> bool:
    """Whether the browser has closed its side: it opens another page long before a write fails."""
    if line is None:
        return False
    try:
        return not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _events(
    subscriptions: Sequence[Subscription], write: EventWriter, has_left: Callable[[], bool]
) -> Iterator[str]:
    connections.close_all()  # what the session was read by
    deadline = time.monotonic() + random.uniform(*STREAM_SECONDS)  # noqa: S311  (no secret)
    listener = threading.Event()
    yield f"retry: {RETRY}\n\n"
    with subscribe_all(subscriptions, listener) as pairs:
        while not (_is_over(deadline) or has_left()):
            listener.wait(WAIT_SECONDS)
            listener.clear()
            if sent := write([(one, one.next_event(broadcast)) for one, broadcast in pairs]):
                yield sent


def _is_over(deadline: float) -> bool:
    return time.monotonic() > deadline or any(is_ending() for is_ending in _ending)

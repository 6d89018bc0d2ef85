"""Server-sent events, one waiting thread per stream, and single answers for clients that poll.

A stream holds no database connection. It ends after some minutes, so that the session is checked
again, and when its process stops. Without a free slot, further clients fall back to polling.
"""

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

from vestnik import jitter
from vestnik.dashboard.live.shared_cache import fetch_shared
from vestnik.dashboard.live.subscriptions import Subscription, parse_instant, subscribe_all
from vestnik.dashboard.live.topics import Topic
from vestnik.dashboard.live.writers import EventWriter, MultiplexedWriter, SingleTopicWriter
from vestnik.dashboard.web.decorators import OperatorRequest

EVENTS = "text/event-stream"
#: Seconds. A random length, so that streams do not all reconnect at once.
STREAM_SECONDS = (240.0, 300.0)
#: How often a stream checks whether its browser or its process has gone.
WAIT_SECONDS = 1.0
#: Milliseconds after which a browser reconnects.
RETRY = 2000
#: X-Accel-Buffering: nginx would collect events instead of forwarding them.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_slots = threading.BoundedSemaphore(settings.LIVE_STREAMS)
#: Returns whether this process is stopping; set by gunicorn's worker.
_ending: list[Callable[[], bool]] = []


def set_ending_check(is_ending: Callable[[], bool]) -> None:
    """Set the function by which streams learn that their process is stopping."""
    _ending[:] = [is_ending]


def respond(request: OperatorRequest, topic: Topic) -> HttpResponseBase:
    """Answer one topic, for pages of earlier versions: as a stream if it is accepted, else once.

    Nothing older than `since` is sent, the time of the page's data, nor older than the last event
    of a client that reconnects.
    """
    last = request.headers.get("Last-Event-ID", "")
    since = max(parse_instant(request.GET.get("since", "")), parse_instant(last))
    reader = translation.get_language(), timezone.get_current_timezone()
    one = Subscription(topic.name, topic, since, *reader)
    if _wants_stream(request):
        return _stream(request, [one], SingleTopicWriter())
    content = _current_content(one)
    return HttpResponse(status=404) if content is None else JsonResponse(content)


def respond_all(
    request: OperatorRequest, subscriptions: Sequence[Subscription]
) -> HttpResponseBase:
    """Answer all topics of a browser's pages: as a stream, or once."""
    if _wants_stream(request):
        return _stream(request, subscriptions, MultiplexedWriter())
    contents = [(one.key, _current_content(one)) for one in subscriptions]
    return JsonResponse({"words": [{"on": key, **content} for key, content in contents if content]})


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
    # The shared result is older than the page, so query again.
    if data is not None and data["now"] < one.since:
        data = topic.fetch()
    if data is None:
        return None
    with translation.override(one.language), timezone.override(one.zone):
        return {"now": data["now"].timestamp(), **asdict(topic.render(data))}


class Stream(StreamingHttpResponse):
    """Holds one of this process's stream slots until it is closed."""

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
    """Return whether the browser has closed its side, which a write notices much later."""
    if line is None:
        return False
    try:
        # An empty read is the end of the stream; no data yet is BlockingIOError.
        return not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _events(
    subscriptions: Sequence[Subscription], write: EventWriter, has_left: Callable[[], bool]
) -> Iterator[str]:
    connections.close_all()  # the session was read over one
    deadline = time.monotonic() + jitter.between(*STREAM_SECONDS)
    listener = threading.Event()
    yield f"retry: {RETRY}\n\n"
    with subscribe_all(subscriptions, listener) as pairs:
        while not (_is_over(deadline) or has_left()):
            listener.wait(WAIT_SECONDS)
            listener.clear()
            if events := write([(one, one.next_event(broadcast)) for one, broadcast in pairs]):
                yield events


def _is_over(deadline: float) -> bool:
    return time.monotonic() > deadline or any(is_ending() for is_ending in _ending)

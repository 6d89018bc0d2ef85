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
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone, translation

from vestnik.dashboard.live.broadcast import Broadcast, Word, watching
from vestnik.dashboard.live.shared import seen
from vestnik.dashboard.live.topics import Topic
from vestnik.dashboard.pages import OperatorRequest

EVENTS = "text/event-stream"
#: Not all at once, lest they all come back at once.
SECONDS = (240.0, 300.0)
BEAT = 5.0
WAIT = 1.0
RETRY = 2000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_places = threading.BoundedSemaphore(settings.LIVE_STREAMS)
#: Whether this process is to end; gunicorn's worker says so.
_ending: list[Callable[[], bool]] = []


def end_when(is_ending: Callable[[], bool]) -> None:
    """How a stream learns that its process is to end."""
    _ending[:] = [is_ending]


def answer(request: OperatorRequest, topic: Topic) -> HttpResponseBase:
    """What is to be seen: as a stream for those who accept one, else once. Nothing from before
    `since`, an instant of the database's clock in seconds, of which the page was made; nor, to who
    connects again, from before what came last."""
    last = request.headers.get("Last-Event-ID", "")
    since = max(_instant(request.GET.get("since", "")), _instant(last))
    if request.headers.get("Accept") != EVENTS:
        return _once(topic, since)
    if not _places.acquire(blocking=False):
        return HttpResponse(status=503, headers={"Retry-After": "60"})
    return Stream(topic, since, has_left=partial(_has_left, request.META.get("gunicorn.socket")))


def _instant(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def _once(topic: Topic, since: datetime) -> HttpResponse:
    found = seen(topic.name, topic.every, topic.look)
    if found is not None and found["now"] < since:
        found = topic.look()
    if found is None:
        return HttpResponse(status=404)
    return JsonResponse({"now": found["now"].timestamp(), **asdict(topic.show(found))})


class Stream(StreamingHttpResponse):
    """Has a place among the streams of this process, and gives it back when it is closed."""

    def __init__(self, topic: Topic, since: datetime, has_left: Callable[[], bool]) -> None:
        reader = translation.get_language(), timezone.get_current_timezone()
        super().__init__(
            _events(topic, since, *reader, has_left),
            content_type=f"{EVENTS}; charset=utf-8",
            headers=HEADERS,
        )
        self._has_place = True

    def close(self) -> None:
        super().close()
        if self._has_place:
            self._has_place = False
            _places.release()


def _has_left(line: socket.socket | None) -> bool:
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
    topic: Topic,
    since: datetime,
    language: str | None,
    zone: Any,
    has_left: Callable[[], bool],
) -> Iterator[str]:
    connections.close_all()  # what the session was read by
    deadline = time.monotonic() + random.uniform(*SECONDS)  # noqa: S311  (no secret)
    # By now the middleware that set them is through.
    with translation.override(language), timezone.override(zone), watching(topic) as broadcast:
        yield f"retry: {RETRY}\n\n"
        yield from _until(lambda: _is_over(deadline) or has_left(), broadcast, since)


def _is_over(deadline: float) -> bool:
    return time.monotonic() > deadline or any(is_ending() for is_ending in _ending)


def _until(is_over: Callable[[], bool], broadcast: Broadcast, since: datetime) -> Iterator[str]:
    number, last, sent_at = 0, "", time.monotonic()
    while not is_over():
        number, word = broadcast.after(number, since, WAIT)
        if sent := _worth_sending(word, last, time.monotonic() - sent_at):
            yield sent
            last, sent_at = word.said if word else last, time.monotonic()


def _worth_sending(word: Word | None, last: str, silent: float) -> str:
    if word and word.said != last:
        return f"id: {word.now.timestamp()}\ndata: {word.said}\n\n"
    if word and silent > BEAT:
        return "event: beat\ndata:\n\n"  # that nothing changed is news as well
    # Nothing is known: the page finds out that it is stale, and we whether somebody is there.
    return ":\n\n" if silent > 2 * BEAT else ""

"""One thread for each topic that somebody watches in this process: it looks, and wakes the streams.

A stream is a thread that waits; what it sends is written once for each language and zone.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from django.db import connections
from django.utils import timezone, translation

from vestnik.dashboard.live.shared_cache import fetch_shared
from vestnik.dashboard.live.topics import Topic

log = structlog.get_logger(__name__)

_broadcasts: dict[str, "Broadcast"] = {}
_registering = threading.Lock()


class Event(NamedTuple):
    """What is said of a look, for one language and zone: the same where nothing has changed."""

    now: datetime
    payload: str


class Broadcast:
    """A topic, as it was last seen."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.watchers = 0
        #: Set at each look: a stream of several topics waits for any of them.
        self.listeners: set[threading.Event] = set()
        self._updated = threading.Condition()
        self._number = 0
        self._data: Any = None
        self._payloads: dict[tuple[str, str], str] = {}

    def next_event(self, number: int, since: datetime, seconds: float) -> tuple[int, Event | None]:
        """The next look after that number, for the current language and zone; the same number, and
        nothing, where there is none within so many seconds.

        A look from before `since` says nothing either: who asks has seen what came after it.
        """
        with self._updated:
            self._updated.wait_for(lambda: self._number != number, seconds)
            if self._number == number:
                return number, None
            return self._number, self._event(since)

    def _event(self, since: datetime) -> Event | None:
        if self._data is None or self._data["now"] < since:
            return None
        locale = translation.get_language() or "", timezone.get_current_timezone_name()
        if locale not in self._payloads:
            content = asdict(self.topic.render(self._data))
            self._payloads[locale] = json.dumps(content, ensure_ascii=False)
        return Event(self._data["now"], self._payloads[locale])

    def run(self) -> None:
        """Look, for as long as somebody watches."""
        while self._is_watched():
            began = time.monotonic()
            self._poll()
            time.sleep(max(0.05, self.topic.every - (time.monotonic() - began)))

    def _poll(self) -> None:
        try:
            data = fetch_shared(self.topic.name, self.topic.every, self.topic.fetch)
        except Exception as error:
            # The database is away: the pages say themselves that they are stale.
            log.warning("nothing to show", topic=self.topic.name, trouble=type(error).__name__)
            return
        finally:
            connections.close_all()
        if data and self._data and data["now"] < self._data["now"]:
            return  # What another process saw, before what this one knows.
        with self._updated:
            self._data, self._payloads = data, {}
            self._number += 1
            self._updated.notify_all()
        with _registering:
            for listener in self.listeners:
                listener.set()

    def _is_watched(self) -> bool:
        with _registering:
            if not self.watchers:
                _broadcasts.pop(self.topic.name, None)
            return self.watchers > 0


@contextmanager
def subscribe(topic: Topic, listener: threading.Event | None = None) -> Iterator[Broadcast]:
    """The topic's broadcast in this process, which goes on at least as long as the block; the
    listener is set at each of its looks."""
    # One of each stream: without one it is an event that nobody waits for.
    listener = listener or threading.Event()
    with _registering:
        broadcast = _broadcasts.get(topic.name)
        if broadcast is None:
            broadcast = _broadcasts[topic.name] = Broadcast(topic)
            name = f"live {topic.name}"
            threading.Thread(target=broadcast.run, name=name, daemon=True).start()
        broadcast.watchers += 1
        broadcast.listeners.add(listener)
    try:
        yield broadcast
    finally:
        with _registering:
            broadcast.watchers -= 1
            broadcast.listeners.discard(listener)

"""One thread per watched topic in this process: it polls the topic and wakes the streams.

Each stream is a waiting thread; its events are rendered once per language and zone.
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
    """The content of a poll for one language and zone; equal if nothing has changed."""

    now: datetime
    payload: str


class Broadcast:
    """A topic with its latest data."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.watchers = 0
        #: Set at each poll: a stream of several topics waits for any of them.
        self.listeners: set[threading.Event] = set()
        self._updated = threading.Condition()
        self._number = 0
        self._data: Any = None
        self._payloads: dict[tuple[str, str], str] = {}

    def next_event(self, number: int, since: datetime, seconds: float) -> tuple[int, Event | None]:
        """Return the poll after that number, rendered for the current language and zone.

        Without one in so many seconds, return the same number and None. A poll from before `since`
        yields None as well, since the page already shows newer data.
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
        """Poll as long as the topic has watchers."""
        while self._is_watched():
            began = time.monotonic()
            self._poll()
            time.sleep(max(0.05, self.topic.every - (time.monotonic() - began)))

    def _poll(self) -> None:
        try:
            data = fetch_shared(self.topic.name, self.topic.every, self.topic.fetch)
        except Exception as error:
            # The database is unavailable; the pages show by themselves that they are stale.
            log.warning("topic cannot be polled", topic=self.topic.name, error=type(error).__name__)
            return
        finally:
            connections.close_all()
        if data and self._data and data["now"] < self._data["now"]:
            return  # another process polled earlier than this one
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
                # Under the lock, so that no subscriber joins a thread that is ending.
                _broadcasts.pop(self.topic.name, None)
            return self.watchers > 0


@contextmanager
def subscribe(topic: Topic, listener: threading.Event | None = None) -> Iterator[Broadcast]:
    """Provide the topic's broadcast in this process; it sets the listener at each poll."""
    # Each stream has one; otherwise a dummy event is set.
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

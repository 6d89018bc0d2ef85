"""Writes the events of a stream."""

import json
import time
from collections.abc import Sequence
from typing import Protocol

from vestnik.dashboard.live.broadcast import Event
from vestnik.dashboard.live.subscriptions import Subscription

#: A page without an event for ten seconds treats the connection as dead.
HEARTBEAT_SECONDS = 4.0
#: For pages of earlier versions, whose scripts do not see comments.
SINGLE_HEARTBEAT_SECONDS = 5.0

Updates = Sequence[tuple[Subscription, Event | None]]


class EventWriter(Protocol):
    """Writes the events of one stream; empty if there is nothing to send."""

    def __call__(self, updates: Updates) -> str: ...


class MultiplexedWriter:
    """Writes events with their subscriptions, and heartbeats.

    A heartbeat lists the subscriptions that were polled since the last one.
    """

    def __init__(self) -> None:
        self._heartbeat_at = float("-inf")

    def __call__(self, updates: Updates) -> str:
        events = [
            self._event(one, event)
            for one, event in updates
            if event and event.payload != one.last_payload
        ]
        if time.monotonic() - self._heartbeat_at < HEARTBEAT_SECONDS:
            return "".join(events)
        self._heartbeat_at = time.monotonic()
        return "".join(events) + self._heartbeat([one for one, _event in updates])

    def _event(self, one: Subscription, event: Event) -> str:
        one.last_payload = event.payload
        head = json.dumps({"on": one.key, "now": event.now.timestamp()})
        return f"data: {head[:-1]}, {event.payload[1:]}\n\n"

    def _heartbeat(self, subscriptions: Sequence[Subscription]) -> str:
        fresh = [one.key for one in subscriptions if one.is_fresh]
        for one in subscriptions:
            one.is_fresh = False
        return f"event: beat\ndata: {json.dumps({'on': fresh})}\n\n"


class SingleTopicWriter:
    """The events of one topic without its name, for pages of earlier versions."""

    def __init__(self) -> None:
        self._sent_at = time.monotonic()

    def __call__(self, updates: Updates) -> str:
        events = "".join(self._event(one, event) for one, event in updates)
        if events:
            self._sent_at = time.monotonic()
        return events

    def _event(self, one: Subscription, event: Event | None) -> str:
        silent = time.monotonic() - self._sent_at
        if event and event.payload != one.last_payload:
            one.last_payload = event.payload
            return f"id: {event.now.timestamp()}\ndata: {event.payload}\n\n"
        if event and silent > SINGLE_HEARTBEAT_SECONDS:
            return "event: beat\ndata:\n\n"
        # A comment: it shows whether the client is still connected.
        return ":\n\n" if silent > 2 * SINGLE_HEARTBEAT_SECONDS else ""

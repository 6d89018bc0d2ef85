"""Subscriptions of one stream: topics, each with the language and the zone of its page.

A browser has one stream for all its pages, since it opens at most six connections to a host. A page
lists what it shows by `on=mailing:12,1764403200.5,ru,Europe/Moscow`: the topic, the time of its
data by the database's clock, the language and the zone.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from django.conf import settings
from django.utils import timezone, translation

from vestnik.dashboard.live.broadcast import Broadcast, Event, subscribe
from vestnik.dashboard.live.topics import Topic, topic_of
from vestnik.dashboard.wording import zones

PARAMETER = "on"
#: More than the windows that a user has open.
MAX_SUBSCRIPTIONS = 32
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Subscription:
    """A topic for one language and zone, with the last event that was sent."""

    key: str
    topic: Topic
    since: datetime
    language: str | None
    zone: tzinfo
    last_payload: str = ""
    #: Whether it was polled since the last heartbeat.
    is_fresh: bool = False
    _number: int = field(default=0, repr=False)

    def next_event(self, broadcast: Broadcast, seconds: float = 0.0) -> Event | None:
        """Return the poll after the last one; None if there is none."""
        with translation.override(self.language), timezone.override(self.zone):
            self._number, event = broadcast.next_event(self._number, self.since, seconds)
        self.is_fresh |= event is not None
        return event


def parse_instant(seconds: str) -> datetime:
    """Return the time of a timestamp; a malformed one is before everything."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return NEVER


def parse_subscriptions(parameters: Sequence[str]) -> list[Subscription]:
    """Return the valid subscriptions whose topics exist."""
    subscriptions = {}
    for one in parameters[:MAX_SUBSCRIPTIONS]:
        name, since, language, zone = [*one.split(",", 3), "", "", ""][:4]
        key = f"{name},{language},{zone}"
        if key not in subscriptions and (topic := topic_of(name)):
            subscriptions[key] = Subscription(
                key, topic, parse_instant(since), _language(language), _zone(zone)
            )
    return list(subscriptions.values())


def _language(code: str) -> str | None:
    return code if code in dict(settings.LANGUAGES) else translation.get_language()


def _zone(name: str) -> tzinfo:
    return zones.find_zone(name) or timezone.get_current_timezone()


@contextmanager
def subscribe_all(
    subscriptions: Sequence[Subscription], listener: threading.Event
) -> Iterator[list[tuple[Subscription, Broadcast]]]:
    """Provide each subscription with its broadcast during the block."""
    with ExitStack() as held:
        yield [(one, held.enter_context(subscribe(one.topic, listener))) for one in subscriptions]

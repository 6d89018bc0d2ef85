"""What all streams of a process are woken by."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vestnik.dashboard.live.broadcast import subscribe
from vestnik.dashboard.live.topics import Topic, TopicContent

EARLY = datetime(2026, 1, 1, tzinfo=UTC)


class Told(Topic):
    """What it is told to see, as another process may have kept it; the last for good."""

    name = "told"
    every = 0.1

    def __init__(self, *minutes: int) -> None:
        self.minutes = list(minutes)

    def fetch(self) -> Mapping[str, Any]:
        minutes = self.minutes.pop(0) if len(self.minutes) > 1 else self.minutes[0]
        return {"now": EARLY + timedelta(minutes=minutes)}

    def render(self, data: Mapping[str, Any]) -> TopicContent:
        return TopicContent(data["now"].isoformat())


def test_what_was_seen_before_what_is_known_is_not_told() -> None:
    number, heard = 0, []
    with subscribe(Told(3, 1, 2, 4)) as broadcast:
        while not heard or heard[-1] < EARLY + timedelta(minutes=4):
            number, word = broadcast.next_event(number, EARLY, 10)
            assert word
            heard.append(word.now)

    assert heard == sorted(heard)

"""What a stream sends after a look at its topics."""

import json
import time
from collections.abc import Sequence
from typing import Protocol

from vestnik.dashboard.live.broadcast import Word
from vestnik.dashboard.live.subscriptions import Subscription

#: A browser that hears nothing for ten seconds takes the connection for a dead one.
BEAT = 4.0
#: For pages of the versions before: these hear of a comment nothing.
BEAT_OF_ONE = 5.0

Looks = Sequence[tuple[Subscription, Word | None]]


class Writer(Protocol):
    """Writes the events of one stream; empty where there is nothing to send."""

    def __call__(self, looks: Looks) -> str: ...


class WriterOfAll:
    """Each word with the subscription that it is for, and a beat every few seconds, which names
    those that were looked at since the last one: that nothing has changed is news as well."""

    def __init__(self) -> None:
        self._beat_at = float("-inf")

    def __call__(self, looks: Looks) -> str:
        words = [self._word(one, word) for one, word in looks if word and word.said != one.last]
        if time.monotonic() - self._beat_at < BEAT:
            return "".join(words)
        self._beat_at = time.monotonic()
        return "".join(words) + self._beat([one for one, _word in looks])

    def _word(self, one: Subscription, word: Word) -> str:
        one.last = word.said
        head = json.dumps({"on": one.key, "now": word.now.timestamp()})
        return f"data: {head[:-1]}, {word.said[1:]}\n\n"

    def _beat(self, subscriptions: Sequence[Subscription]) -> str:
        fresh = [one.key for one in subscriptions if one.is_fresh]
        for one in subscriptions:
            one.is_fresh = False
        return f"event: beat\ndata: {json.dumps({'on': fresh})}\n\n"


class WriterOfOne:
    """One topic without its name, for pages of the versions before."""

    def __init__(self) -> None:
        self._sent_at = time.monotonic()

    def __call__(self, looks: Looks) -> str:
        sent = "".join(self._written(one, word) for one, word in looks)
        if sent:
            self._sent_at = time.monotonic()
        return sent

    def _written(self, one: Subscription, word: Word | None) -> str:
        silent = time.monotonic() - self._sent_at
        if word and word.said != one.last:
            one.last = word.said
            return f"id: {word.now.timestamp()}\ndata: {word.said}\n\n"
        if word and silent > BEAT_OF_ONE:
            return "event: beat\ndata:\n\n"
        # Nothing is known: the page finds out that it is stale, and we whether somebody is there.
        return ":\n\n" if silent > 2 * BEAT_OF_ONE else ""

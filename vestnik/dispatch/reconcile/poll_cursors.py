"""How far each mailing's messages have been asked about, over all workers.

A round asks once about each message. It is kept in Redis: losing it begins all rounds anew, and
with Redis away nothing is asked.
"""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import redis
from django.conf import settings

# Vendors refuse to be asked more often about one message (SMSC.ru: five times a minute).
ROUND_EVERY = 60.0
KEEP = 3 * 86_400


@dataclass(slots=True)
class Round:
    """One question about each of a mailing's messages in that state. Instants are Unix time."""

    mailing_id: int
    state: str
    began: float = 0.0
    #: When the round before it began; 0 where there was none.
    before: float = 0.0
    #: In which pass it had its last turn.
    turn: float = 0.0
    #: The message that was asked about last; None where it is over.
    after: int | None = None
    #: Messages that have been read and not yet asked about.
    rows: deque[tuple[Any, ...]] = field(default_factory=deque)

    @property
    def name(self) -> str:
        return f"{self.mailing_id}:{self.state}"


class Rounds:
    """The rounds of one provider. Its methods raise RedisError."""

    def __init__(self, alias: str) -> None:
        self._key = f"vestnik:asking:{alias}"
        self._client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, decode_responses=True
        )

    def under_way(self, wanted: Iterable[tuple[int, str]], now: float) -> list[Round]:
        """Of these mailings and states, and begun where it is time; first who waits longest."""
        kept = self._kept(now)
        rounds = [Round(*each) for each in dict.fromkeys(wanted)]
        for one in rounds:
            if one.name in kept:
                one.began, one.before, one.turn, one.after = kept[one.name]
            if one.after is None and not 0 <= now - one.began < ROUND_EVERY:
                one.began, one.before, one.after = now, one.began, 0
        return sorted((one for one in rounds if one.after is not None), key=lambda one: one.turn)

    def _kept(self, now: float) -> dict[str, list[Any]]:
        """What is kept; of mailings that had no turn for days it is forgotten."""
        found = cast(dict[str, str], self._client.hgetall(self._key))
        kept = {name: json.loads(value) for name, value in found.items()}
        if old := [name for name, (_, _, turn, _) in kept.items() if now - turn > KEEP]:
            self._client.hdel(self._key, *old)
        return kept

    def keep(self, one: Round) -> None:
        """So that whoever asks next goes on there."""
        self._client.hset(
            self._key, one.name, json.dumps([one.began, one.before, one.turn, one.after])
        )

    def close(self) -> None:
        self._client.close()

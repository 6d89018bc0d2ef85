"""How far each mailing's messages have been asked about, over all workers.

A round asks once about each message. It is kept in Redis: losing it begins all rounds anew, and
with Redis away nothing is asked.
"""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from vestnik.db.redis_client import client

# Vendors refuse to be asked more often about one message (SMSC.ru: five times a minute).
POLL_EVERY = 60.0
KEEP_SECONDS = 3 * 86_400


@dataclass(slots=True)
class PollCursor:
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
    rows: deque[Any] = field(default_factory=deque)

    @property
    def name(self) -> str:
        return f"{self.mailing_id}:{self.state}"


class PollCursors:
    """The cursors of one provider. Its methods raise RedisError."""

    def __init__(self, alias: str) -> None:
        self._key = f"vestnik:asking:{alias}"
        self._client = client()

    def due(self, mailings: Iterable[tuple[int, str]], now: float) -> list[PollCursor]:
        """Of these mailings and states, and begun where it is time; first who waits longest."""
        saved = self._load(now)
        cursors = [PollCursor(*each) for each in dict.fromkeys(mailings)]
        for cursor in cursors:
            if cursor.name in saved:
                cursor.began, cursor.before, cursor.turn, cursor.after = saved[cursor.name]
            if cursor.after is None and not 0 <= now - cursor.began < POLL_EVERY:
                cursor.began, cursor.before, cursor.after = now, cursor.began, 0
        return sorted(
            (cursor for cursor in cursors if cursor.after is not None),
            key=lambda cursor: cursor.turn,
        )

    def _load(self, now: float) -> dict[str, list[Any]]:
        """What is kept; of mailings that had no turn for days it is forgotten."""
        saved_json = cast(dict[str, str], self._client.hgetall(self._key))
        saved = {name: json.loads(value) for name, value in saved_json.items()}
        if old := [name for name, (_, _, turn, _) in saved.items() if now - turn > KEEP_SECONDS]:
            self._client.hdel(self._key, *old)
        return saved

    def save(self, cursor: PollCursor) -> None:
        """Save the cursor for the next poll."""
        self._client.hset(
            self._key,
            cursor.name,
            json.dumps([cursor.began, cursor.before, cursor.turn, cursor.after]),
        )

"""The positions of status queries in each mailing's messages, over all workers.

A round queries each message once. Positions are in Redis: losing them starts all rounds from the
beginning, and while Redis is away no status is queried.
"""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from vestnik.db.redis_client import client

#: Seconds between the starts of two rounds. Vendors refuse more frequent queries about one message
#: (SMSC.ru: five a minute).
POLL_EVERY = 60.0
#: Seconds after which the position of a mailing without queries is deleted.
KEEP_SECONDS = 3 * 86_400


@dataclass(slots=True)
class PollCursor:
    """The round of a mailing's messages in one state. Instants are Unix time by the database."""

    mailing_id: int
    state: str
    began: float = 0.0
    #: When the previous round began; 0 without one.
    before: float = 0.0
    #: The start of the poll in which this mailing had its last turn.
    turn: float = 0.0
    #: The id of the message queried last; None after the end of the round.
    after: int | None = None
    #: Messages that were read and not yet queried.
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
        """Return the cursors of these mailings and states that have messages to query.

        A round that is due is begun. The cursor that has waited longest comes first.
        """
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
        """Load the positions; delete those without a turn for KEEP_SECONDS."""
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

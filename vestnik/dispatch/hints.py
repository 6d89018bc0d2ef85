"""Hints: "look at this mailing". Losing, doubling or delaying one changes nothing.

Published from a thread of their own, so that a broker that is slow or away never delays or fails
whoever gave the hint. The tick finds what a lost hint would have pointed to.
"""

import queue
import threading
from functools import partial

from django.db import transaction

from vestnik.celery import app
from vestnik.outages import OutageLog

MOST_PENDING = 1000
SECONDS_OF_USE = 30

_pending: queue.Queue[tuple[str, tuple[object, ...], float | None]] = queue.Queue(MOST_PENDING)
_starting = threading.Lock()
_publisher: threading.Thread | None = None
_outage = OutageLog(
    "the broker takes no messages",
    "see that Redis runs, may write to its disk and has memory left; nothing is lost meanwhile",
)


def look_at(mailing_id: int) -> None:
    """Once the transaction is committed: have a worker look whether the mailing is due."""
    transaction.on_commit(partial(give, "vestnik.look_at", mailing_id))


def call_to_work(alias: str, hands: int = 4) -> None:
    """Have workers look for batches of that provider; a worker with enough of it ignores it."""
    for _ in range(hands):
        give("vestnik.work", alias)


def give(task: str, *arguments: object, after: float | None = None) -> None:
    """Hint now, or `after` so many seconds (under two: Redis is no place for business time)."""
    try:
        _pending.put_nowait((task, arguments, after))
    except queue.Full as error:
        _outage.failed(error)
        return
    _ensure_publisher()


def _ensure_publisher() -> None:
    global _publisher
    with _starting:
        if _publisher is None or not _publisher.is_alive():
            _publisher = threading.Thread(target=_publish_forever, name="hints", daemon=True)
            _publisher.start()


def _publish_forever() -> None:
    while True:
        task, arguments, after = _pending.get()
        try:
            app.send_task(task, arguments, countdown=after, expires=SECONDS_OF_USE)
        except Exception as error:
            _outage.failed(error)
        else:
            _outage.worked()

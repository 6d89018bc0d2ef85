"""Which mailings are enlisted, in which order, and by how many threads of a worker process.

Each step is a long statement. Without a limit of two threads, as many mailings starting together as
a worker has threads stopped its sending until all of them were enlisted (decision 0021). A mailing
that fails is tried again after a while, and pauses itself at last (decision 0016).
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import structlog
from django.db import DatabaseError, InterfaceError

from vestnik.db import sql
from vestnik.dispatch.prepare.enlist import enlist_chunk, enlist_few
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.transitions.enlist import MOST_FAILURES
from vestnik.mailings.models import PAUSE, Mailing, MailingState
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Threads of a process that work on one queue at the same time.
ENLISTING_AT_ONCE = 2
#: New mailings that a thread takes before the next chunk of a large one.
NEW_BEFORE_CHUNK = 10
#: Seconds, by the database's clock, from a failure to the next try. Several tasks a second meet the
#: mailing, so three failures took less than a second: as long as a migration locks out a statement.
RETRY_AFTER = 5.0
#: Characters of a database error that are stored as the reason of a pause.
LONGEST_REASON = 300
#: Classes of SQLSTATE that pass by themselves, so they are not counted as failures: connection,
#: deadlock, resources, locks, an operator's shutdown.
PASSING = ("08", "40", "53", "55", "57")

# Whether the next try has to wait. A later time is from before the database's clock was set back.
WAITS = f"""
coalesce(retry_at BETWEEN clock_timestamp()
    AND clock_timestamp() + interval '{RETRY_AFTER} second', false)
"""
# A failure during the wait is of a task that began beside the one that failed first: it counts as
# one failure with it. 32767 is the largest smallint.
FAILED = f"""
UPDATE dispatch_enlistment SET
    failures = CASE WHEN {WAITS} THEN failures ELSE least(failures + 1, 32767) END,
    retry_at = clock_timestamp() + interval '{RETRY_AFTER} second'
WHERE mailing_id = %s AND NOT complete RETURNING failures
"""
# Mailings to enlist, without those whose next try has to wait and those that were paused because
# enlisting failed. A mailing that an operator resumed is tried at once.
TO_ENLIST = f"""
SELECT e.mailing_id FROM dispatch_enlistment e JOIN mailings_mailing m ON m.id = e.mailing_id
WHERE NOT e.complete AND CASE WHEN e.failures < %(most)s THEN NOT {WAITS}
    ELSE m.state = '{MailingState.RUNNING}' END
"""
ALL_TO_ENLIST = f"{TO_ENLIST} ORDER BY e.mailing_id"
# Mailings of which nothing is enlisted yet come first: they may be small ones.
SOME_TO_ENLIST = f"{TO_ENLIST} ORDER BY e.next_number > 0, random() LIMIT %(limit)s"


class EnlistThreads:
    """How many threads of a process enlist at the same time, for all of its queues together."""

    def __init__(self, most: int) -> None:
        self.lock = threading.Lock()
        self.free = self._most = most

    def resize(self, most: int) -> None:
        """Set the limit; threads that enlist at this moment finish their step."""
        with self.lock:
            self.free += most - self._most
            self._most = most


class EnlistQueue:
    """The mailings that wait for their next step. A mailing is in the queue at most once, and not
    while a thread works on it.

    With `newest_too`, every other step takes the newest mailing instead of the oldest. So a mailing
    that joins a long queue soon has its turn, and none waits forever.
    """

    def __init__(
        self,
        most: int = ENLISTING_AT_ONCE,
        *,
        newest_too: bool = False,
        threads: EnlistThreads | None = None,
    ) -> None:
        self._threads = threads or EnlistThreads(most)
        self._lock = self._threads.lock
        self._waiting: deque[int] = deque()
        self._known: set[int] = set()
        self._free = most
        self._newest_too, self._newest_next = newest_too, False

    def __contains__(self, mailing: int) -> bool:
        with self._lock:
            return mailing in self._known

    def add(self, mailing: int) -> None:
        """Append a mailing, unless it is known already."""
        with self._lock:
            if mailing not in self._known:
                self._known.add(mailing)
                self._waiting.append(mailing)

    def work(self, step: Callable[[int], bool], stopping: Callable[[], bool]) -> None:
        """Call `step` for each mailing in turn until none waits; return at once if enough threads
        do."""
        while not stopping() and self.work_once(step):
            pass

    def work_once(self, step: Callable[[int], bool]) -> bool:
        """Call `step` for the next mailing; return False if none waits or enough threads work.

        `step` returns whether the mailing is to wait for another step.
        """
        mailing = self._take()
        if mailing is None:
            return False
        more = False
        try:
            more = step(mailing)
        finally:
            with self._lock:
                self._free += 1
                self._threads.free += 1
                if more:
                    self._waiting.append(mailing)
                else:
                    self._known.discard(mailing)
        return True

    def _take(self) -> int | None:
        with self._lock:
            if not self._waiting or min(self._free, self._threads.free) <= 0:
                return None
            self._free -= 1
            self._threads.free -= 1
            takes_newest = self._newest_next
            self._newest_next = self._newest_too and not takes_newest
            return self._waiting.pop() if takes_newest else self._waiting.popleft()


#: The threads of this process that enlist; a worker limits them by the number of its threads.
threads = EnlistThreads(2 * ENLISTING_AT_ONCE)
#: Mailings that may be small, and those that are enlisted in chunks.
new_ones = EnlistQueue(newest_too=True, threads=threads)
queue = EnlistQueue(threads=threads)


def mailings_to_enlist(limit: int | None = None) -> list[int]:
    """Return the mailings whose audience is to be enlisted, or up to `limit` of them at random."""
    given = {"most": MOST_FAILURES, "limit": limit}
    return [mailing for (mailing,) in sql.rows(SOME_TO_ENLIST, given)]


def to_enlist_from(mailing_id: int) -> list[int]:
    """Return all mailings to enlist, in the order of their ids, beginning with `mailing_id`.

    Mailings with lower ids follow at the end. The list is empty if `mailing_id` is not to be
    enlisted. Tasks begin at different mailings, so two of them seldom lock the same one.
    """
    found = [mailing for (mailing,) in sql.rows(ALL_TO_ENLIST, {"most": MOST_FAILURES})]
    if mailing_id not in found:
        return []
    place = found.index(mailing_id)
    return found[place:] + found[:place]


def enlist(mailings: Iterable[int], stopping: Callable[[], bool] = lambda: False) -> None:
    """Enlist mailings: the small ones at once, one after the other, the others in chunks.

    They join the mailings that wait in this process already, so a mailing to few clients does not
    wait for a large one, and no mailing waits for all before it. Return at once if there is nothing
    to do, or enough threads of the process enlist already: when hundreds of small mailings took
    every thread, the process sent nothing for 17 s. After several failures a mailing is paused,
    with the error as its reason.
    """
    for mailing_id in mailings:
        if mailing_id not in queue:
            new_ones.add(mailing_id)
    while not stopping() and _enlist_some(stopping):
        pass


def _enlist_some(stopping: Callable[[], bool]) -> bool:
    """Enlist some new mailings, then one chunk; return False if this thread had nothing to do."""
    step, count = partial(_attempt, _enlist_if_small), 0
    while count < NEW_BEFORE_CHUNK and not stopping() and new_ones.work_once(step):
        count += 1
    return queue.work_once(partial(_attempt, _enlist_and_wake)) or count > 0


def _enlist_if_small(mailing_id: int) -> bool:
    """Enlist the mailing if it is small, otherwise append it to the queue of chunks."""
    if enlist_few(mailing_id):
        queue.add(mailing_id)
    return False


def _enlist_and_wake(mailing_id: int) -> bool:
    """Enlist the next chunk and wake dispatchers; return whether there are more chunks to
    enlist."""
    more = enlist_chunk(mailing_id)
    wakeups.wake_dispatchers_for(mailing_id)
    return more


def _attempt(step: Callable[[int], bool], mailing_id: int) -> bool:
    """Return what `step` returns for the mailing; False if it fails.

    A failure of one mailing must not end the task, which enlists others too. After a transient one
    the next wake-up tries again. A lost connection raises, since every further step would fail.
    """
    try:
        return step(mailing_id)
    except Exception as trouble:
        if not _is_transient(trouble):
            _note(mailing_id, trouble)
        elif not sql.is_connected():
            raise
        else:
            log.warning("mailing not enlisted", mailing=mailing_id, trouble=_first_line(trouble))
    return False


def _is_transient(trouble: Exception) -> bool:
    if not isinstance(trouble, DatabaseError | InterfaceError):
        return False
    state = getattr(trouble.__cause__, "sqlstate", None)
    return state is None or state.startswith(PASSING)


def _note(mailing_id: int, trouble: Exception) -> None:
    """Count and log a failure, with a traceback the first time; pause after MOST_FAILURES."""
    failures = sql.value(FAILED, [mailing_id]) or 0
    log.error("mailing not enlisted", mailing=mailing_id, failures=failures, exc_info=failures == 1)
    if failures >= MOST_FAILURES:
        reason = Reason(Code.AUDIENCE_FAILED, text=_first_line(trouble)[:LONGEST_REASON])
        Mailing.objects.get(id=mailing_id).move(PAUSE, reason=reason.fit())


def _first_line(trouble: Exception) -> str:
    return (str(trouble).splitlines() or [type(trouble).__name__])[0]

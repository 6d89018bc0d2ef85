"""Failures of enlisting: the mailing is tried again after a while, and pauses itself at last
(decision 0016)."""

from collections.abc import Callable

import structlog
from django.db import DatabaseError, InterfaceError

from vestnik.db import sql
from vestnik.dispatch.transitions.enlist import MOST_FAILURES
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

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


def attempt(step: Callable[[int], bool], mailing_id: int) -> bool:
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

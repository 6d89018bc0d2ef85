"""Unknown messages: it is not known whether the provider has accepted them.

They stay `unknown` until a receipt, a status answer or an operator settles them. If the provider is
configured with `in_doubt = "resend"`, they are sent again automatically.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from itertools import islice

import structlog
from django.db import transaction
from django.db.models import Sum

from vestnik.db import sql
from vestnik.db.keyset import MAX_ID
from vestnik.db.sql import array, literals
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.transitions.resolve import (
    GIVE_UP,
    RESEND,
    RESEND_ANSWERED,
    RESEND_AUTOMATICALLY,
)
from vestnik.mailings.models import (
    REOPEN,
    SENDABLE,
    SYSTEM,
    Mailing,
    StateConflict,
)
from vestnik.mailings.window import RECEIPT_DAYS, is_ahead
from vestnik.providers.registry import aliases, describe
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)


class UnknownAction(StrEnum):
    """An operator's decision about a mailing's unknown messages."""

    ASK = "ask"
    RESEND = "resend"
    GIVE_UP = "give_up"


# Slices of BATCHES_AT_ONCE batches, each a transaction of its own (decision 0041): as one
# statement, 299,000 messages made a pause wait for 1.3 s, in which 359 messages left.
NEXT_BATCHES = """
SELECT id, unknown FROM dispatch_batch WHERE mailing_id = %s AND unknown > 0 AND id > %s
ORDER BY id LIMIT %s
"""
BATCHES_AT_ONCE = 20
#: Slices with messages to resend in one run of the scheduler, for each mailing.
MOST_SLICES_A_RUN = 5

# Mailings whose receipts may still arrive. Later, status queries are pointless.
RECENT = f"""
coalesce(m.finished_at, m.ends_at) > clock_timestamp() - interval '{RECEIPT_DAYS} days'
"""
# By the partial index of batches with unknown messages.
WITH_UNKNOWN = """
SELECT DISTINCT m.id FROM mailings_mailing m JOIN dispatch_batch b ON b.mailing_id = m.id
WHERE b.unknown > 0 AND m.provider = ANY(%s)
"""
TO_ASK = f"{WITH_UNKNOWN} AND {RECENT}"
TO_RESEND = f"""{WITH_UNKNOWN}
    AND m.state IN {literals(SENDABLE)} AND m.ends_at > clock_timestamp()
"""


class StatusQueryUnsupported(Exception):
    """The provider of the mailing cannot report the status of a message."""


def count_unknown(mailing: Mailing) -> int:
    """Return the number of the mailing's unknown messages."""
    return mailing.batches.aggregate(n=Sum("unknown"))["n"] or 0


def resend(mailing: Mailing, *, actor: str, most: int | None = None) -> int:
    """Queue up to `most` unknown messages again; return how many. A finished mailing runs again.

    Raises StateConflict if the mailing has ended or was cancelled. If that happens during the call,
    the remaining messages stay unknown.
    """
    note = _EventRecord(mailing, "resend", actor)

    def settle(batches: Sequence[int]) -> int | None:
        count = _queue_again(mailing, actor, batches)
        if count is not None:
            note.write()
        elif not note.is_written:
            raise StateConflict(mailing, "resend")
        return count

    return sum(_in_slices(mailing, settle, most))


def give_up(mailing: Mailing, *, actor: str, most: int | None = None) -> int:
    """Mark up to `most` unknown messages as failed; return how many."""
    note = _EventRecord(mailing, "give_up", actor)

    def settle(batches: Sequence[int]) -> int:
        note.write()
        return resolve_slice(mailing, GIVE_UP, Reason(Code.GIVEN_UP), batches)

    return sum(_in_slices(mailing, settle, most))


class _EventRecord:
    """The event of a decision with the number of messages, written with the first slice."""

    def __init__(self, mailing: Mailing, event: str, actor: str) -> None:
        self._mailing, self._event, self._actor = mailing, event, actor
        self._reason = Reason(Code.UNKNOWN_MESSAGES, count=count_unknown(mailing))
        self.is_written = False

    def write(self) -> None:
        if not self.is_written:
            self._mailing.record_event(self._event, actor=self._actor, reason=self._reason)
            self.is_written = True


def _in_slices(
    mailing: Mailing, settle: Callable[[Sequence[int]], int | None], most: int | None = None
) -> Iterator[int]:
    """Call `settle` with the ids of some batches at a time; yield the messages settled by each
    slice.

    Without unknown messages `settle` is called once with no ids. The iteration ends if `settle`
    returns None, and before a slice that would exceed `most` messages in all: both by the counts
    read before, and by the number settled, since more messages may have become unknown meanwhile.
    """
    after, seen, settled = 0, 0, 0
    found = sql.rows(NEXT_BATCHES, [mailing.id, after, BATCHES_AT_ONCE])
    while found or not after:
        batches = [batch for batch, _ in found]
        seen += sum(unknown for _, unknown in found)
        if most is not None and seen > most:
            return
        with transaction.atomic():
            count = settle(batches)
            settled += count or 0
            if is_too_much := most is not None and settled > most:
                transaction.set_rollback(True)
        if count is None or is_too_much:
            return
        yield count
        after = batches[-1] if batches else MAX_ID
        found = sql.rows(NEXT_BATCHES, [mailing.id, after, BATCHES_AT_ONCE])


def request_status(mailing: Mailing, *, actor: str) -> int:
    """Have a worker query the status of the unknown messages; return their number.

    Raises StatusQueryUnsupported if the provider cannot report it or is no longer configured.
    """
    if mailing.provider not in aliases() or not describe(mailing.provider).can_query:
        raise StatusQueryUnsupported
    count = count_unknown(mailing)
    with transaction.atomic():
        mailing.record_event("ask", actor=actor, reason=Reason(Code.UNKNOWN_MESSAGES, count=count))
        transaction.on_commit(lambda: wakeups.publish("vestnik.ask", mailing.id))
    return count


def resend_automatically(
    resending: Sequence[str], workers_are_gone: Callable[[], bool] = lambda: True
) -> None:
    """Queue unknown messages of the providers in `resending` again, until their mailings' end.

    Messages of an expired lease are left out unless `workers_are_gone`, which is called before the
    messages are read and again before the commit (decision 0181).
    """
    if not resending:
        return
    for (mailing_id,) in sql.rows(TO_RESEND, [list(resending)]):
        mailing = Mailing.objects.get(id=mailing_id)
        again = partial(_queue_by_itself, mailing, workers_are_gone)
        slices = _in_slices(mailing, again)
        # Slices without messages to resend do not count, so they do not block later ones.
        if count := sum(islice(filter(None, slices), MOST_SLICES_A_RUN)):
            log.info("unknown messages queued again", mailing=mailing_id, count=count)


def mailings_to_ask(asked: Sequence[str]) -> list[int]:
    """Return the recent mailings with unknown messages of the providers in `asked`."""
    if not asked:
        return []
    return [mailing for (mailing,) in sql.rows(TO_ASK, [list(asked)])]


def _may_send(mailing: Mailing) -> bool:
    """Lock the mailing, and return whether messages may leave, or could if it ran again.

    The row is locked before it is read. So the mailing cannot be finished with a message queued,
    and an end that came during the wait for the lock is seen (decision 0012).
    """
    Mailing.objects.select_for_update(no_key=True).get(id=mailing.id)
    held = Mailing.objects.filter(is_ahead("ends_at"), id=mailing.id)
    return held.filter(state__in=SENDABLE).exists()


def _queue_by_itself(
    mailing: Mailing, workers_are_gone: Callable[[], bool], batches: Sequence[int]
) -> int | None:
    are_gone = workers_are_gone()
    count = _queue_again(mailing, SYSTEM, batches, only_answered=not are_gone)
    if count and are_gone and not workers_are_gone():  # the clock was set meanwhile
        transaction.set_rollback(True)
        return None
    return count


def _queue_again(
    mailing: Mailing, actor: str, batches: Sequence[int], *, only_answered: bool = False
) -> int | None:
    """Queue the unknown messages of some batches; return None if nothing may leave any more."""
    if not _may_send(mailing):
        return None
    statement = RESEND_AUTOMATICALLY if actor == SYSTEM else RESEND
    count = resolve_slice(mailing, RESEND_ANSWERED if only_answered else statement, None, batches)
    if count:
        mailing.move(REOPEN, actor=actor)
        transaction.on_commit(lambda: wakeups.wake_dispatchers(mailing.provider))
    return count


def resolve_slice(
    mailing: Mailing, statement: str, reason: Reason | None, batches: Sequence[int]
) -> int:
    """Settle the unknown messages of some batches by a statement of `transitions.resolve`."""
    given = {
        "mailing": mailing.id,
        "batches": array(batches),
        "why": reason and reason.text,
        "reason": reason and reason.json,
    }
    return sum(count for (count,) in sql.rows(statement, given))

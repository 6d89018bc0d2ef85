"""Does all that workers and the tick still have to do, until nothing changes any more."""

from tests.interleaving.gateway import Worker
from vestnik.dispatch import claims, closing, enlist, hours, launch, receipts, sql, stopping, texts
from vestnik.mailings.models import RESUME, Mailing, MailingState

MOST_ROUNDS = 12

# Leases run out, and what waits is due.
LET_TIME_PASS = (
    """
    UPDATE dispatch_batch SET due_at = clock_timestamp() - interval '1 second'
    WHERE state IN ('claimed', 'waiting') AND due_at > clock_timestamp()
    """,
    "UPDATE dispatch_message SET next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL",
)
FINGERPRINT = """
SELECT (SELECT array_agg(state ORDER BY id) FROM dispatch_message),
    (SELECT array_agg(state || recheck::text ORDER BY id) FROM dispatch_batch),
    (SELECT array_agg(state ORDER BY id) FROM mailings_mailing),
    (SELECT count(*) FROM dispatch_enlistment WHERE complete)
"""


class NeverSettles(Exception):
    """It changes and changes."""


def settle(worker: Worker) -> None:
    """Until nothing changes."""
    seen = None
    for _ in range(MOST_ROUNDS):
        now = sql.row(FINGERPRINT)
        if now == seen:
            return
        seen = now
        _once(worker)
    raise NeverSettles


def resume(mailing_id: int) -> bool:
    """Resume what is paused; False where it is not."""
    mailing = Mailing.objects.get(id=mailing_id)
    return mailing.state == MailingState.PAUSED and mailing.move(RESUME)


def _once(worker: Worker) -> None:
    for statement in LET_TIME_PASS:
        sql.run(statement)
    claims.sweep()
    claims.wake()
    hours.schedule_closed()
    scheduled = Mailing.objects.filter(state=MailingState.SCHEDULED).values_list("id", flat=True)
    for mailing in scheduled:
        launch.launch_when_due(mailing)
    for mailing in {*closing.to_close(), *enlist.to_enlist(), *texts.to_renew()}:
        enlist.enlist(mailing)
        texts.renew_all(mailing)
        closing.close(mailing)
    receipts.match_kept()
    stopping.sweep()
    worker.send_all()

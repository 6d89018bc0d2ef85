"""Does all remaining work of workers and the scheduler, until nothing changes any more."""

import time

from tests.interleaving.gateway import Worker
from tests.interleaving.situations import SOON
from vestnik.db import sql
from vestnik.dispatch.prepare import enlist_queue, launch, local_hours, new_text
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.record import claims
from vestnik.dispatch.suppress import opt_out, revocation
from vestnik.mailings.models import RESUME, Mailing, MailingState

MOST_ROUNDS = 12
#: Repetitions of a flight that may be too late on a busy machine.
PATIENCE = 2

# Leases expire, and waiting batches are due.
LET_TIME_PASS = (
    """
    UPDATE dispatch_batch SET due_at = clock_timestamp() - interval '1 second'
    WHERE state IN ('claimed', 'waiting') AND due_at > clock_timestamp()
    """,
    "UPDATE dispatch_message SET next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL",
)
TO_THE_END = """
SELECT extract(epoch FROM min(ends_at) - clock_timestamp())::float8
FROM mailings_mailing WHERE state IN ('running', 'paused')
"""
FINGERPRINT = """
SELECT NOT EXISTS (SELECT FROM dispatch_batch WHERE state <> 'done')
        AND NOT EXISTS (SELECT FROM dispatch_enlistment WHERE NOT complete)
        AND NOT EXISTS (SELECT FROM dispatch_keptreceipt)
        AND NOT EXISTS (SELECT FROM mailings_mailing WHERE state IN ('scheduled', 'running')),
    EXISTS (SELECT FROM mailings_mailing WHERE state = 'running'),
    (SELECT array_agg(state ORDER BY id) FROM dispatch_message),
    (SELECT array_agg(state || recheck::text ORDER BY id) FROM dispatch_batch),
    (SELECT array_agg(state ORDER BY id) FROM mailings_mailing),
    (SELECT count(*) FROM dispatch_keptreceipt)
"""


class NeverSettles(Exception):
    """The mailing does not stop changing."""


def settle(worker: Worker) -> None:
    """Work until all is settled or nothing changes; wait for an end that comes soon."""
    ahead = sql.value(TO_THE_END) or 0.0
    time.sleep(max(0.0, ahead) if ahead < SOON + 1 else 0.0)  # until the mailing's end
    seen, same = None, 0
    for _ in range(MOST_ROUNDS):
        over, runs, *now = sql.rows(FINGERPRINT)[0]
        same = same + 1 if now == seen else 0
        if over or same > (PATIENCE if runs else 0):
            return
        seen = now
        _once(worker)
    raise NeverSettles


def resume(mailing_id: int) -> bool:
    """Resume a paused mailing; return False if it is not paused."""
    mailing = Mailing.objects.get(id=mailing_id)
    return mailing.state == MailingState.PAUSED and mailing.move(RESUME)


def _once(worker: Worker) -> None:
    for statement in LET_TIME_PASS:
        sql.run(statement)
    for mailing in Mailing.objects.filter(state=MailingState.SCHEDULED):
        launch.launch_when_due(mailing.id)
    claims.rescue_expired()
    claims.promote_due()
    local_hours.schedule_closed()
    for mailing_id in enlist_queue.mailings_to_enlist():
        enlist_queue.enlist([mailing_id])
    for mailing_id in new_text.mailings_to_renew():
        new_text.renew_all(mailing_id)
    receipts.match_kept()
    opt_out.sweep_new_entries()
    opt_out.stop_pending()
    revocation.sweep_deleted()
    worker.send_all()
    for mailing_id in closing.mailings_to_close():
        closing.close(mailing_id)

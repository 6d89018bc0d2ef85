"""Pauses a mailing of which too many messages are refused, with the reason (decision 0047)."""

import structlog

from vestnik.db import sql
from vestnik.dispatch.states import FAILED
from vestnik.mailings.models import PAUSE, SYSTEM, Mailing
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: A smaller number of messages proves nothing about the list or the text.
LEAST_MESSAGES = 200
#: The share of permanently refused messages from which the mailing pauses itself.
MOST_REFUSED = 0.2

# Sums over the batches' counts: no message is read.
TALLY = """
SELECT coalesce(sum(failed), 0)::bigint,
    coalesce(sum(failed + sent + delivered + undelivered + unknown), 0)::bigint
FROM dispatch_batch WHERE mailing_id = %s
"""

# Messages that an operator gave up are `failed`, but were not refused. The query reads messages, so
# it runs only for a mailing whose counts alone would pause it.
GIVEN_UP = f"""
SELECT count(*) FROM dispatch_batch b JOIN dispatch_message m ON m.mailing_id + 0 = b.mailing_id
    AND m.id BETWEEN b.first_message_id AND b.last_message_id
WHERE b.mailing_id = %s AND b.failed > 0 AND m.state = '{FAILED}'
    AND m.doubted_attempt_id IS NOT NULL
"""


def pause_if_refused(mailing_id: int, last_refusal: str) -> bool:
    """Pause a mailing of which a fifth of at least 200 messages was refused; return whether it was.

    A mailing pauses itself once: an operator who resumes it has decided to go on.
    """
    ((failed, handed_over),) = sql.rows(TALLY, [mailing_id])
    if handed_over < LEAST_MESSAGES or failed < handed_over * MOST_REFUSED:
        return False
    mailing = Mailing.objects.get(id=mailing_id)
    # The event of the first pause is the memory of it.
    pauses = mailing.events.filter(event=PAUSE.name, actor=SYSTEM)
    if pauses.filter(reason_details__code=Code.MANY_REFUSED).exists():
        return False
    failed -= sql.value(GIVEN_UP, [mailing_id]) or 0
    if failed < handed_over * MOST_REFUSED:
        return False
    share = round(100 * failed / handed_over)
    reason = Reason(Code.MANY_REFUSED, share=share, all=handed_over, reason=last_refusal)
    paused = mailing.move(PAUSE, reason=reason)
    if paused:
        log.error("mailing paused itself", mailing=mailing_id, refused=failed, of=handed_over)
    return paused

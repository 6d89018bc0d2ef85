"""Launching: a scheduled mailing becomes running at its start, or missed after its end."""

import time

import structlog
from django.db import transaction
from django.db.models import Max

from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.models import EnlistmentCursor
from vestnik.dispatch.signals.metrics import DELAY_BUCKETS, counters
from vestnik.dispatch.transitions.launch import LAUNCH_DUE
from vestnik.mailings.models import LAUNCH, MISS, SYSTEM, Mailing, MailingState
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Seconds before its start at which the scheduler publishes a mailing's wake-up: more than the
#: second between two runs.
LOOK_AHEAD = 1.5
#: Seconds: a wake-up that arrives this much before the start, or less, waits for it.
EARLY = 0.1
MISSED = Reason(Code.WINDOW_MISSED)

#: Mailings launched by one statement.
MOST_AT_ONCE = 500

# The seconds to the start, by the database's clock.
UNTIL_START = f"""
SELECT extract(epoch FROM starts_at - clock_timestamp())::float8
FROM mailings_mailing WHERE id = %s AND state = '{MailingState.SCHEDULED}'
"""


def launch_when_due(mailing_id: int) -> list[int]:
    """Launch all due mailings as `launch` does, and wait for the start of this one if it is due
    within EARLY seconds.

    The others are launched even if this one was cancelled or moved: the scheduler publishes one
    wake-up for all that start in the same moment. Return the ids of the launched mailings.
    """
    until = sql.value(UNTIL_START, [mailing_id])
    is_due = until is not None and until <= EARLY
    if is_due:
        time.sleep(max(0.0, until))
    launched: list[int] = []
    while some := sql.rows(LAUNCH_DUE, [MOST_AT_ONCE, SYSTEM]):
        for mailing, provider, late in some:
            counters().observe("start_delay_seconds", provider, late, DELAY_BUCKETS)
            log.info("mailing launched", mailing=mailing, late=round(late, 3))
            launched.append(mailing)
        if len(some) < MOST_AT_ONCE:
            break
    if is_due and mailing_id not in launched and launch(mailing_id):
        launched.append(mailing_id)
    return launched


def launch(mailing_id: int) -> bool:
    """Launch a due mailing and fix the bound of its audience; return whether it was launched.

    A mailing whose end has passed becomes missed instead.
    """
    mailing = Mailing.objects.get(id=mailing_id)
    with transaction.atomic():
        launched = mailing.move(LAUNCH)
        if launched:
            bound = Client.objects.aggregate(last=Max("id"))["last"] or 0
            EnlistmentCursor.objects.create(mailing=mailing, bound=bound)
    if launched and mailing.started_at:
        late = max(0.0, (mailing.started_at - mailing.starts_at).total_seconds())
        counters().observe("start_delay_seconds", mailing.provider, late, DELAY_BUCKETS)
        log.info("mailing launched", mailing=mailing_id, late=round(late, 3))
    elif mailing.state == MailingState.SCHEDULED and mailing.move(MISS, reason=MISSED):
        log.warning("mailing missed", mailing=mailing_id)
    return launched

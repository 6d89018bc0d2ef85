"""Starting what is due: a scheduled mailing becomes running, or missed."""

import time

import structlog
from django.db import transaction
from django.db.models import Max

from vestnik.audience.models import Client
from vestnik.dispatch import sql
from vestnik.dispatch.meters import DELAY_BUCKETS, meters
from vestnik.dispatch.models import Enlistment
from vestnik.mailings.models import LAUNCH, MISS, Mailing, MailingState

log = structlog.get_logger(__name__)

LOOK_AHEAD = 1.5
# A hint that comes a moment early waits rather than be wasted.
EARLY = 0.1
MISSED = "The whole window went by while nothing was running."

UNTIL_START = """
SELECT extract(epoch FROM starts_at - clock_timestamp())::float8
FROM mailings_mailing WHERE id = %s AND state = 'scheduled'
"""


def launch_when_due(mailing_id: int) -> bool:
    """Launch a mailing that is due, or will be in a moment. False where it is not."""
    until = sql.value(UNTIL_START, [mailing_id])
    if until is None or until > EARLY:
        return False
    time.sleep(max(0.0, until))
    return launch(mailing_id)


def launch(mailing_id: int) -> bool:
    """Launch a due mailing, freezing the upper bound of its audience; False where it is not due.

    Where the whole window went by, the mailing is missed instead.
    """
    mailing = Mailing.objects.get(id=mailing_id)
    with transaction.atomic():
        launched = mailing.move(LAUNCH)
        if launched:
            bound = Client.objects.aggregate(last=Max("id"))["last"] or 0
            Enlistment.objects.create(mailing=mailing, bound=bound)
    if launched and mailing.started_at:
        late = max(0.0, (mailing.started_at - mailing.starts_at).total_seconds())
        meters().observe("start_delay_seconds", mailing.provider, late, DELAY_BUCKETS)
        log.info("mailing launched", mailing=mailing_id, late=round(late, 3))
    elif mailing.state == MailingState.SCHEDULED and mailing.move(MISS, reason=MISSED):
        log.warning("mailing missed", mailing=mailing_id)
    return launched

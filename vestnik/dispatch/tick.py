"""The tick: once a second, look for what is due and what is stalled.

It only flips states and gives hints, so that it is never late itself: enlisting or sending in its
thread made it three seconds late. Any number of ticks may run; an advisory lock lets one at a time.
"""

import structlog

from vestnik.dispatch import asking, claims, closing, doubt, hints, hours, receipts, sql
from vestnik.dispatch.alone import alone
from vestnik.dispatch.launch import LOOK_AHEAD
from vestnik.mailings.models import PAUSE, Mailing, MailingState
from vestnik.providers.registry import aliases, described

log = structlog.get_logger(__name__)

TICK_LOCK = 0x7469636B

DUE_SOON = """
SELECT id, greatest(0, extract(epoch FROM starts_at - clock_timestamp()))::float8
FROM mailings_mailing
WHERE state = 'scheduled' AND starts_at <= clock_timestamp() + %s * interval '1 second'
ORDER BY starts_at
"""

TO_ENLIST = "SELECT mailing_id FROM dispatch_enlistment WHERE NOT complete ORDER BY mailing_id"

TO_SEND = """
SELECT DISTINCT m.provider FROM mailings_mailing m
WHERE m.state = 'running' AND EXISTS (
    SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state = 'ready'
)
"""


def tick() -> None:
    """Look once; returns at once where another tick is at it."""
    with alone(TICK_LOCK) as at_it:
        if not at_it:
            return
        claims.sweep()
        claims.wake()
        hours.schedule_closed()
        receipts.match_kept()
        receipts.forget_old()
        _pause_those_without_provider()
        _settle_doubts()
        for mailing, seconds in sql.rows(DUE_SOON, [LOOK_AHEAD]):
            hints.give("vestnik.look_at", mailing, after=seconds)
        for mailing in {*closing.to_close(), *(mailing for (mailing,) in sql.rows(TO_ENLIST))}:
            hints.give("vestnik.look_at", mailing)
        for (alias,) in sql.rows(TO_SEND):
            hints.call_to_work(alias)


def _settle_doubts() -> None:
    """By the provider's declared ability: ask it, or send again; without one they are held."""
    described_ones = [described(alias) for alias in aliases()]
    doubt.resend_by_themselves([p.alias for p in described_ones if p.in_doubt == "resend"])
    for provider in described_ones:
        # One hint is enough: whoever takes it asks about all mailings of that provider.
        for mailing in asking.to_ask(provider)[:1]:
            hints.give("vestnik.ask", mailing)


def _pause_those_without_provider() -> None:
    running = Mailing.objects.filter(state=MailingState.RUNNING)
    for mailing in running.exclude(provider__in=aliases()):
        log.error("mailing paused", mailing=mailing.id, missing_provider=mailing.provider)
        mailing.move(PAUSE, reason=f"Its provider {mailing.provider!r} is not configured any more.")

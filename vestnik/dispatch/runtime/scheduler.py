"""The scheduler: once a second it finds what is due and what is stalled.

It only changes states and publishes wake-ups, so it is never late itself: enlisting or sending in
its thread made it three seconds late (decision 0033). An advisory lock lets one process at a time
run it. The steps that launch and feed mailings have a thread and a lock of their own, since
maintenance may take longer. Each step runs apart: one that fails, or waits for another
transaction's lock, does not stop the others.
"""

from collections.abc import Callable, Sequence

import structlog

from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.db.lock_ids import MAINTENANCE_LOCK, SCHEDULER_LOCK
from vestnik.dispatch.prepare import enlist_queue, local_hours, new_text
from vestnik.dispatch.prepare.launch import LOOK_AHEAD
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.reconcile import closing, status_poller, unknown_messages
from vestnik.dispatch.record import claims
from vestnik.dispatch.runtime import clock_skew, import_runner
from vestnik.dispatch.runtime.periodic_jobs import Job, every
from vestnik.dispatch.send.send_context import lease_of
from vestnik.dispatch.signals import answering, heartbeat, wakeups
from vestnik.dispatch.states import READY
from vestnik.dispatch.suppress import opt_out, revocation
from vestnik.dispatch.transitions.lease import BOUND_LEASES
from vestnik.mailings.models import PAUSE, Mailing, MailingState
from vestnik.providers.registry import aliases, describe
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Seconds that a step waits for a lock of another session, which may be a frozen process.
LOCK_SECONDS = 1.0

# Of the mailings that start within the same 50 ms only the last one gets a wake-up: the worker that
# takes it launches all due ones, even if the last one was cancelled or moved meanwhile. A task for
# each of 500 mailings cost 8 ms of processor time and delayed the first messages. A partial index
# has the mailings, and the seconds are computed here, so no host's clock counts.
DUE_SOON = f"""
SELECT id, greatest(0, extract(epoch FROM starts_at - clock_timestamp()))::float8
FROM (
    SELECT DISTINCT ON (due_id, slot) id, starts_at
    FROM mailings_mailing m
    CROSS JOIN LATERAL (SELECT
        CASE WHEN starts_at <= clock_timestamp() THEN id END AS due_id,
        date_bin('50 milliseconds', starts_at, 'epoch') AS slot
    ) s
    WHERE state = '{MailingState.SCHEDULED}'
        AND starts_at <= clock_timestamp() + %s * interval '1 second'
    ORDER BY due_id, slot, starts_at DESC, id
) last_of_slot
ORDER BY starts_at
"""

#: Seconds above the longest lease of the providers configured here. During a release that changes a
#: deadline, another host's leases may be longer.
LEASE_BOUND_MARGIN = 300.0

#: Wake-ups to enlist in one run of the scheduler. A task enlists all mailings that wait, so a few
#: wake-ups are enough for all processes.
ENLIST_WAKEUPS = 8

# The providers with a batch to claim: one probe of the index of ready batches a running mailing.
TO_SEND = f"""
SELECT DISTINCT m.provider FROM mailings_mailing m
WHERE m.state = '{MailingState.RUNNING}' AND EXISTS (
    SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state = '{READY}'
)
"""


class Step(Job):
    """One step of a run.

    A lost connection would fail every further step. Its error is raised instead, so the log has one
    line for the run and not one for each step.
    """

    def note_failure(self, error: Exception) -> None:
        if not sql.is_connected():
            raise error
        super().note_failure(error)


@every(1.0, "tick")
def schedule() -> None:
    """Run the steps that launch and feed mailings; return at once if another process runs them."""
    if _run_steps(SCHEDULER_LOCK, SCHEDULE_STEPS):
        heartbeat.note_scheduler()


@every(1.0, "chores")
def run_maintenance() -> None:
    """Run the other steps once; return at once if another process runs them."""
    _run_steps(MAINTENANCE_LOCK, MAINTENANCE_STEPS)


every(1.0, "stop-list sweep")(opt_out.sweep_new_entries)
every(1.0, "answers")(answering.publish_answers)


def _run_steps(lock: int, steps: Sequence[Step]) -> bool:
    """Run the steps under the lock; return whether this process held it."""
    with advisory_lock(lock, lock_seconds=LOCK_SECONDS) as is_acquired:
        for step in steps if is_acquired else ():
            step.attempt()
    return is_acquired


def launch_due() -> None:
    """Publish wake-ups for the mailings that are about to start, timed for their starts."""
    for mailing, seconds in sql.rows(DUE_SOON, [LOOK_AHEAD]):
        wakeups.publish("vestnik.look_at", mailing, after=seconds)


def bound_leases() -> None:
    """Shorten leases that end later than any lease can last."""
    longest = max((lease_of(describe(alias)) for alias in aliases()), default=0.0)
    found = sql.run(BOUND_LEASES, {"longest": longest + LEASE_BOUND_MARGIN}).rowcount
    if found:
        log.warning("leases shortened: the database's clock was set back", batches=found)


def wake_unfinished() -> None:
    """Publish wake-ups for mailings to enlist or to close, or whose text has changed."""
    for mailing in {
        *closing.mailings_to_close(),
        *enlist_queue.mailings_to_enlist(ENLIST_WAKEUPS),
        *new_text.mailings_to_renew(),
    }:
        wakeups.publish("vestnik.look_at", mailing)


def wake_senders() -> None:
    """Publish wake-ups for the providers that have ready batches."""
    for (alias,) in sql.rows(TO_SEND):
        wakeups.wake_dispatchers(alias, dispatchers=1)


def resolve_unknown() -> None:
    """Resend unknown messages or ask about them, as each provider is configured.

    Messages of other providers stay unknown until a receipt comes or an operator decides.
    """
    described_ones = [describe(alias) for alias in aliases()]
    resending = [provider for provider in described_ones if provider.in_doubt == "resend"]
    longest = max(map(lease_of, resending), default=0.0)
    unknown_messages.resend_automatically(
        [provider.alias for provider in resending],
        # A step of the database's clock expires leases of live workers.
        workers_are_gone=lambda: clock_skew.step_watch.steady_seconds() > longest,
    )
    for provider in described_ones:
        # One wake-up is enough: its poll asks about all mailings of that provider.
        for mailing in status_poller.mailings_to_poll(provider)[:1]:
            wakeups.publish("vestnik.ask", mailing)


def pause_without_provider() -> None:
    """Pause running mailings whose provider is no longer configured."""
    running = Mailing.objects.filter(state=MailingState.RUNNING)
    for mailing in running.exclude(provider__in=aliases()):
        log.error("mailing paused", mailing=mailing.id, missing_provider=mailing.provider)
        mailing.move(PAUSE, reason=Reason(Code.PROVIDER_MISSING, alias=mailing.provider))


def _steps(job: str, *runs: Callable[[], object]) -> list[Step]:
    """Return the steps of a job, named after it: the name in a log tells what does not happen."""
    return [
        Step(f"{job}.{run.__module__.rpartition('.')[2]}.{run.__name__}", 1.0, run) for run in runs
    ]


#: In this order, `wake_senders` finds the batches that were rescued or promoted in the same run.
SCHEDULE_STEPS = _steps(
    "tick",
    launch_due,
    bound_leases,
    claims.rescue_expired,
    claims.promote_due,
    closing.finish_all_done,
    wake_unfinished,
    wake_senders,
)
MAINTENANCE_STEPS = _steps(
    "chores",
    local_hours.schedule_closed,
    receipts.match_kept,
    receipts.forget_old,
    opt_out.forget_old_texts,
    opt_out.stop_pending,
    revocation.sweep_deleted,
    pause_without_provider,
    resolve_unknown,
    import_runner.wake_for_waiting,
)

"""Celery tasks. Each is a wake-up that names what to look at; PostgreSQL holds what is to be
done."""

from collections.abc import Sequence

import structlog
from celery import Task, shared_task
from celery.signals import task_prerun

from vestnik.dispatch.prepare import enlist_queue, launch, new_text
from vestnik.dispatch.reconcile import closing, status_poller
from vestnik.dispatch.runtime import import_runner, scheduler
from vestnik.dispatch.runtime.worker_process import this_worker
from vestnik.dispatch.signals import wakeups

log = structlog.get_logger(__name__)


@task_prerun.connect
def mark_taken(task: Task, args: Sequence[object], **_signal: object) -> None:
    """Mark the wake-up as taken: an equal one may be published from now on."""
    wakeups.mark_taken(task.name, args)


@shared_task(name="vestnik.tick")
def run_scheduler() -> None:
    """Run the scheduler for a message of the previous version; workers need no task for it."""
    scheduler.schedule()


@shared_task(name="vestnik.look_at")
def look_at(mailing_id: int) -> None:
    """Do what is next for a mailing: launch, enlist, wake its dispatchers, renew texts, close.

    With it all mailings are launched that are due, enlisted that wait, and finished that are done:
    hundreds of mailings that start together need a few tasks.
    """
    launched = launch.launch_when_due(mailing_id)
    mailings = launched or enlist_queue.to_enlist_from(mailing_id)
    enlist_queue.enlist(mailings, this_worker().is_stopping)
    try:
        wakeups.wake_dispatchers_for(mailing_id)
        new_text.renew_all(mailing_id)
    finally:  # a mailing whose new text cannot be rendered ends like all others
        closing.close(mailing_id)


@shared_task(name="vestnik.work")
def work(alias: str) -> None:
    """Send batches of that provider for a slice of time."""
    this_worker().dispatcher(alias).work()


@shared_task(name="vestnik.ask")
def ask(mailing_id: int) -> None:
    """Query the status of a mailing's unknown messages, and of its provider's other mailings."""
    worker = this_worker()
    status_poller.poll(mailing_id, worker.provider_pool, worker.is_stopping)


@shared_task(name=import_runner.TASK)
def import_file(import_id: int) -> None:
    """Read an uploaded file."""
    import_runner.run_import(import_id)


@shared_task(name="vestnik.pulse")
def heartbeat() -> None:
    """Do nothing: a worker sends this to itself, and its arrival proves that the worker
    consumes."""

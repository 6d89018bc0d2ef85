"""Celery's way in: each task is a hint where to look, and PostgreSQL says what is to be done."""

from collections.abc import Sequence

import structlog
from celery import Task, shared_task
from celery.signals import task_prerun

from vestnik.dispatch import (
    asking,
    clocks,  # noqa: F401  (a job of the scheduler)
    closing,
    enlist,
    hints,
    importing,
    launch,
    texts,
    worker,
)
from vestnik.dispatch import tick as ticking

log = structlog.get_logger(__name__)


@task_prerun.connect
def note_taken(task: Task, args: Sequence[object], **_signal: object) -> None:
    """What is hinted from here on is seen by another look."""
    hints.taken(task.name, args)


@shared_task(name="vestnik.tick")
def tick() -> None:
    """Sent by the version before, with Celery's own beat; workers tick by themselves."""
    ticking.tick()


@shared_task(name="vestnik.look_at")
def look_at(mailing_id: int) -> None:
    """Do what is next for a mailing: launch, enlist, renew texts, have it sent, close."""
    launch.launch_when_due(mailing_id)
    enlist.enlist(mailing_id, worker.stopping.is_set)
    texts.renew_all(mailing_id)
    hints.call_for(mailing_id)
    closing.close(mailing_id)


@shared_task(name="vestnik.work")
def work(alias: str) -> None:
    """Send batches by that provider for a while."""
    worker.lane(alias).work()


@shared_task(name="vestnik.ask")
def ask(mailing_id: int) -> None:
    """Ask the provider what became of a mailing's unknown messages, and of its others'."""
    asking.ask(mailing_id, worker.hands(), worker.stopping.is_set)


@shared_task(name=importing.TASK)
def import_file(import_id: int) -> None:
    """Read a file that was handed in."""
    importing.read(import_id)


@shared_task(name="vestnik.pulse")
def pulse() -> None:
    """Sent by each worker to itself: that it comes in is all that is asked of it."""

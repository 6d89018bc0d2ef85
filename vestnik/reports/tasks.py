"""Samples for charts and rates: scheduler jobs, and tasks that the version before sends."""

from celery import shared_task

from vestnik.dispatch.runtime.periodic_jobs import every
from vestnik.reports.timeline import sampling


@shared_task(name="vestnik.sample")
@every(1.0, "sample")
def sample() -> None:
    """Take samples, in a job apart from the tick, which must never be late."""
    sampling.take_samples()


@shared_task(name="vestnik.thin_out")
@every(3600.0, "thin_out")
def thin_out() -> None:
    """Thin out old samples."""
    sampling.thin_out()

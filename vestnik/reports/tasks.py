"""The periodic jobs of samples, and tasks of the same names for messages of the previous
version."""

from celery import shared_task

from vestnik.dispatch.runtime.periodic_jobs import every
from vestnik.reports.timeline import sampling


@shared_task(name="vestnik.sample")
@every(1.0, "sample")
def sample() -> None:
    """Take samples. This is a job of its own, since the scheduler must never be late."""
    sampling.take_samples()


@shared_task(name="vestnik.thin_out")
@every(3600.0, "thin_out")
def thin_out() -> None:
    """Thin out old samples."""
    sampling.thin_out()

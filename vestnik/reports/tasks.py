"""Celery's way in: beat calls, and it matters to nobody whether one call is lost."""

from celery import shared_task

from vestnik.reports import sampling


@shared_task(name="vestnik.sample")
def sample() -> None:
    """Sent by beat each second, apart from the tick, which must never be late."""
    sampling.take_samples()


@shared_task(name="vestnik.thin_out")
def thin_out() -> None:
    """Sent by beat each hour."""
    sampling.thin_out()

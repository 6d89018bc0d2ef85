"""The impact of an action, shown before it is confirmed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vestnik.dispatch.read.progress import Progress
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.forecast import Forecast
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import database_now
from vestnik.reports.mailing.resuming import forecast_of_rest


@dataclass(frozen=True)
class Impact:
    """The state of a mailing now, and its forecast if it continues."""

    in_flight: int
    waiting: int
    left: int
    counted: bool
    now: datetime
    ends_at: datetime
    forecast: Forecast

    @property
    def is_over(self) -> bool:
        """Whether the end has come."""
        return self.now >= self.ends_at

    @property
    def lasts(self) -> float | None:
        """Seconds until it finishes at its rate, if that is known."""
        finish = self.forecast.finishes_at
        return None if finish is None else (finish - self.now).total_seconds()

    @property
    def spare(self) -> timedelta | None:
        """The time between its finish and the end of the window."""
        finish = self.forecast.finishes_at
        return None if finish is None else self.ends_at - finish

    @property
    def spare_seconds(self) -> float | None:
        return None if self.spare is None else self.spare.total_seconds()


def impact_of(mailing: Mailing, progress: Progress) -> Impact:
    """Return the impact, by the mailing's counts, its rate and its clients' hours."""
    now = database_now()
    waiting = progress["queued"]
    return Impact(
        in_flight=progress["sending"],
        waiting=waiting,
        left=sum(progress[state] for state in LEFT_US),
        counted=mailing.enlisted_at is not None or mailing.started_at is None,
        now=now,
        ends_at=mailing.ends_at,
        forecast=forecast_of_rest(mailing, waiting, now),
    )

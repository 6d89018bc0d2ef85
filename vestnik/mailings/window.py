"""The window of a mailing, by the database's clock, and its rules.

`clock_timestamp()` and not `now()`: the latter does not advance within a transaction.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import DateTimeField, Func, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

#: Seconds before the end after which nothing is handed over: the bytes still travel to the
#: receiver, where the promise of the end is kept.
END_GUARD = 0.1
#: Days after the end of a mailing for which receipts arrive, and providers are asked for them.
RECEIPT_DAYS = 2
#: The horizon counts leap years, so that a date is never refused a day early.
YEAR = timedelta(days=366)


class Clock(Func):
    """The time at which the database evaluates the expression."""

    template = "clock_timestamp()"
    arity = 0
    output_field = DateTimeField()


def has_come(field: str = "starts_at") -> Q:
    """Return a condition: the time in `field` has come."""
    return Q(**{f"{field}__lte": Clock()})


def is_ahead(field: str = "ends_at") -> Q:
    """Return a condition: the time in `field` has not come yet."""
    return Q(**{f"{field}__gt": Clock()})


def check_window(starts_at: datetime, ends_at: datetime) -> None:
    """Raise ValidationError if the window is empty, or if an instant is beyond the horizon
    (MAILING_HORIZON_YEARS)."""
    if starts_at >= ends_at:
        raise ValidationError({"ends_at": _("Choose an end that is later than the start.")})
    instants = {"starts_at": starts_at, "ends_at": ends_at}
    if far := {name: why for name, instant in instants.items() if (why := _too_far(instant))}:
        raise ValidationError(far)


def _too_far(instant: datetime) -> str:
    """Return the remedy if the instant is beyond the horizon, past or future; else nothing."""
    years = settings.MAILING_HORIZON_YEARS
    away = instant - timezone.now()
    if abs(away) <= years * YEAR:
        return ""
    if away > timedelta():
        remedy = ngettext(
            "Choose a time at most %(years)s year from now.",
            "Choose a time at most %(years)s years from now.",
            years,
        )
    else:
        remedy = ngettext(
            "Choose a time at most %(years)s year ago.",
            "Choose a time at most %(years)s years ago.",
            years,
        )
    return remedy % {"years": years}


def check_ahead(ends_at: datetime, *, under_way: bool = False) -> None:
    """Raise ValidationError if the end has passed, by the database's clock."""
    if ends_at <= database_now():
        raise ValidationError({"ends_at": _("Choose an end that is still to come.")})
    # A flight that was marked before the change still has the old end; it has left within a second.
    if under_way and ends_at < database_now() + timedelta(seconds=1):
        remedy = _("Choose an end a second from now or later, or cancel.")
        raise ValidationError({"ends_at": remedy})


def database_now() -> datetime:
    """Return the time of the database, whose clock the pipeline uses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now

"""The window of a mailing, by the database's clock.

`clock_timestamp()` and not `now()`: the latter does not advance within a transaction.
"""

from django.db.models import DateTimeField, Func, Q

#: Seconds before the end after which nothing is handed over: the bytes still travel to the
#: receiver, where the promise of the end is kept.
END_GUARD = 0.1
#: Days after the end of a mailing for which receipts arrive, and providers are asked for them.
RECEIPT_DAYS = 2


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

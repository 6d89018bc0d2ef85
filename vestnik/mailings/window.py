"""The window of a mailing, by the database's clock.

`clock_timestamp()` and not `now()`: the latter stands still inside a transaction.
"""

from django.db.models import DateTimeField, Func, Q

#: Seconds before the end after which nothing is handed over: the way from our write to the
#: receiving end takes time as well, and the promise is kept there.
END_GUARD = 0.1
#: Days after the end of a mailing for which receipts arrive, and providers are asked for them.
RECEIPT_DAYS = 2


class Clock(Func):
    """The instant at which the database evaluates the expression."""

    template = "clock_timestamp()"
    arity = 0
    output_field = DateTimeField()


def has_come(field: str = "starts_at") -> Q:
    """The instant in `field` is now or past."""
    return Q(**{f"{field}__lte": Clock()})


def is_ahead(field: str = "ends_at") -> Q:
    """The instant in `field` is still to come."""
    return Q(**{f"{field}__gt": Clock()})

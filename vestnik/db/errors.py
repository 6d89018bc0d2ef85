"""What an exception of the database means for the one who asked."""

import random
import time
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DataError, InterfaceError, OperationalError, connection
from psycopg import errors
from psycopg_pool import PoolTimeout

from vestnik.db.deadline import DeadlineExceeded

P = ParamSpec("P")
T = TypeVar("T")

RETRIES = 3
LONGEST_PAUSE = 0.1


class FailureKind(StrEnum):
    """Why a request was not served though nothing is wrong with it."""

    #: Others held the same rows; nothing was kept, and the same request may well succeed.
    BUSY = "busy"
    #: It took longer than a request may.
    TOO_LONG = "too long"
    #: The database does not answer.
    AWAY = "away"


#: Seconds after which to try again.
RETRY_AFTER = {FailureKind.BUSY: 1, FailureKind.TOO_LONG: 30, FailureKind.AWAY: 5}

DIGITS = "for integer string conversion"
RETRYABLE = (errors.DeadlockDetected, errors.SerializationFailure)
LOCK_CONFLICTS = (*RETRYABLE, errors.LockNotAvailable)


def classify_failure(error: BaseException | None) -> FailureKind | None:
    """None where the exception is of another kind: a fault of ours."""
    if isinstance(error, DeadlineExceeded):
        return FailureKind.TOO_LONG
    if isinstance(error, PoolTimeout | InterfaceError):
        return FailureKind.AWAY
    if not isinstance(error, OperationalError):
        return None
    if isinstance(error.__cause__, LOCK_CONFLICTS):
        return FailureKind.BUSY
    return (
        FailureKind.TOO_LONG
        if isinstance(error.__cause__, errors.QueryCanceled)
        else FailureKind.AWAY
    )


def is_unstorable(error: BaseException | None) -> bool:
    """Whether a text was sent that no database can hold, or digits that Python does not count: the
    last line behind what reads input, so that it is the sender's mistake and not ours."""
    if isinstance(error, DataError):
        return isinstance(error.__cause__, errors.DataError) and "NUL" in str(error)
    if isinstance(error, UnicodeEncodeError):
        return "surrogates" in error.reason
    return isinstance(error, ValueError) and DIGITS in str(error)


def retry_on_conflict(work: Callable[P, T]) -> Callable[P, T]:
    """The same work, done again where it met others in a circle of locks and was rolled back.

    Only for what is one transaction. Within a larger one nothing can be done again: whoever began
    that has to.
    """

    @wraps(work)
    def until_done(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(RETRIES):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                # Whoever holds a lock that was waited for in vain will not be quicker now.
                if connection.in_atomic_block or not isinstance(error.__cause__, RETRYABLE):
                    raise
                time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311  (no secret)
        return work(*args, **kwargs)

    return until_done

"""Classifies exceptions of the database for the caller, and retries deadlocks."""

import time
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DataError, InterfaceError, OperationalError, connection
from psycopg import errors
from psycopg_pool import PoolTimeout

from vestnik import jitter

P = ParamSpec("P")
T = TypeVar("T")

#: Retries after a deadlock, and the longest random pause before each, in seconds.
RETRIES = 3
LONGEST_PAUSE = 0.1


class DeadlineExceeded(Exception):
    """The deadline of the request has passed."""


class FailureKind(StrEnum):
    """Why a valid request was not served."""

    #: Another transaction held the same rows; nothing was stored, and a repetition may succeed.
    BUSY = "busy"
    #: The request exceeded its deadline.
    TOO_LONG = "too long"
    #: The database does not answer.
    AWAY = "away"


#: Seconds after which to repeat the request: the Retry-After of the answer.
RETRY_AFTER = {FailureKind.BUSY: 1, FailureKind.TOO_LONG: 30, FailureKind.AWAY: 5}

DIGITS = "for integer string conversion"
RETRYABLE = (errors.DeadlockDetected, errors.SerializationFailure)
LOCK_CONFLICTS = (*RETRYABLE, errors.LockNotAvailable)


def classify_failure(error: BaseException | None) -> FailureKind | None:
    """Return the kind of failure; None for any other exception, which is a defect of the
    service."""
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
    """Return whether the error is about input that cannot be stored: NUL, a lone surrogate, or more
    digits than Python converts.

    Parsers refuse such input; this catches what they missed, so that the sender gets a 400.
    """
    if isinstance(error, DataError):
        return isinstance(error.__cause__, errors.DataError) and "NUL" in str(error)
    if isinstance(error, UnicodeEncodeError):
        return "surrogates" in error.reason
    return isinstance(error, ValueError) and DIGITS in str(error)


def retry_on_conflict(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that is one transaction, to be repeated after a deadlock.

    Within a larger transaction it is not repeated: the caller that began the transaction has to.
    """

    @wraps(work)
    def until_done(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(RETRIES):
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                # A lock timeout is not retried: the holder of the lock will not be faster now.
                if connection.in_atomic_block or not isinstance(error.__cause__, RETRYABLE):
                    raise
                time.sleep(jitter.between(0, LONGEST_PAUSE))
        return work(*args, **kwargs)

    return until_done

"""Refusals that the framework has no exception for."""

import math

from rest_framework import status
from rest_framework.exceptions import APIException

from vestnik.api.http.problems import SAID
from vestnik.db.errors import RETRY_AFTER, FailureKind


class TooLarge(APIException):
    """The body is larger than the address takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class LengthRequired(APIException):
    """The body came in pieces of no announced length, which no view could read."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the body at once, with the header Content-Length."


class Conflict(APIException):
    """What is there does not allow what was asked."""

    status_code = status.HTTP_409_CONFLICT


class Unavailable(APIException):
    """The database is away, or the request took too long."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE

    def __init__(self, trouble: FailureKind = FailureKind.AWAY) -> None:
        super().__init__(SAID[trouble])
        self.retry_after = RETRY_AFTER[trouble]


class Busy(Conflict):
    """Others held the same rows, and nothing was kept: the same request may well succeed."""

    retry_after = RETRY_AFTER[FailureKind.BUSY]
    default_detail = SAID[FailureKind.BUSY]


class KeyReused(APIException):
    """The `Idempotency-Key` was used for another body."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


class TooManyGuesses(APIException):
    """So many wrong secrets came from there that none is compared for a while."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = "Too many requests with a wrong secret came from your address: wait a minute."

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.retry_after = math.ceil(seconds)

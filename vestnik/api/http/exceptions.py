"""API exceptions that the framework lacks."""

import math

from rest_framework import status
from rest_framework.exceptions import APIException

from vestnik.api.http.problems import DETAILS
from vestnik.db.errors import RETRY_AFTER, FailureKind


class TooLarge(APIException):
    """The body exceeds the limit of the address."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


class LengthRequired(APIException):
    """The body is chunked without a length, which no view can read."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the body at once, with the header Content-Length."


class Conflict(APIException):
    """The state of the object does not allow the request."""

    status_code = status.HTTP_409_CONFLICT


class Unavailable(APIException):
    """The database is down, or the request took too long."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE

    def __init__(self, trouble: FailureKind = FailureKind.AWAY) -> None:
        super().__init__(DETAILS[trouble])
        self.retry_after = RETRY_AFTER[trouble]


class Busy(Conflict):
    """Other requests locked the same rows and nothing was stored: a retry may succeed."""

    retry_after = RETRY_AFTER[FailureKind.BUSY]
    default_detail = DETAILS[FailureKind.BUSY]


class KeyReused(APIException):
    """The `Idempotency-Key` was used for another body."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


class TooManyGuesses(APIException):
    """Too many wrong secrets came from this address: none is compared for a while."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = "Too many requests with a wrong secret came from your address: wait a minute."

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.retry_after = math.ceil(seconds)

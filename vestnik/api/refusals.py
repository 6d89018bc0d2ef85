"""Refusals that the framework has no exception for."""

from rest_framework import status
from rest_framework.exceptions import APIException


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
    """Something that this service needs is away."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database does not answer: try again in a few seconds."


class KeyReused(APIException):
    """The `Idempotency-Key` was used for another body."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY

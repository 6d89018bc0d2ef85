"""Converts exceptions to problem responses."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import structlog
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.http import Http404
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from vestnik.api.http.exceptions import Busy, Conflict, TooLarge, Unavailable
from vestnik.api.http.parsers import MOST_ERRORS, dotted, shorten
from vestnik.api.http.problems import CONTENT_TYPE, FieldError, problem
from vestnik.db.errors import FailureKind, classify_failure, is_unstorable
from vestnik.mailings.models import StateConflict
from vestnik.mailings.rules import allowed_actions

log = structlog.get_logger(__name__)

WHOLE = api_settings.NON_FIELD_ERRORS_KEY
#: The field of an error that concerns the whole body.
BODY = "body"
#: Characters of one error: messages may quote the request.
LONGEST_MESSAGE = 1000
UNSTORABLE = "Leave out NUL characters, unpaired surrogates and numbers of thousands of digits."


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response to an exception in a view; None lets Django answer 500."""
    known = _translate(error)
    if known is None:
        return None
    # Otherwise a request in a transaction would commit what it did before the exception.
    set_rollback()
    errors = _name_fields(known)
    detail = _summary(errors) if isinstance(known, ValidationError) else _detail(known)
    return Response(
        problem(known.status_code, detail, errors),
        status=known.status_code,
        headers=_headers(known),
        content_type=CONTENT_TYPE,
    )


def _name_fields(error: APIException) -> list[FieldError]:
    if isinstance(error, ValidationError):
        return list(islice(_flatten(error.detail), MOST_ERRORS))
    return _body_errors(error)


def _translate(error: Exception) -> APIException | None:
    match error:
        case APIException():
            return error
        case Http404():
            return NotFound()
        case DjangoValidationError():
            return ValidationError(as_detail(error))
        case StateConflict():
            return Conflict(_allowed_actions(error))
        case IntegrityError():
            log.warning("conflicting requests", exc_info=error)
            return Conflict(
                "Another request changed the same object at the same time: read it and try again."
            )
    return _database_error(error)


def _database_error(error: Exception) -> APIException | None:
    if is_unstorable(error):
        return ParseError(UNSTORABLE)
    trouble = classify_failure(error)
    if trouble is None:
        return None
    if trouble is FailureKind.BUSY:
        log.warning(
            "requests waited for the same locks", trouble=str(error.__cause__).split("\n")[0]
        )
        return Busy()
    log.error("request not served", why=str(trouble), trouble=str(error))
    return Unavailable(trouble)


def as_detail(error: DjangoValidationError) -> Any:
    """Return the messages of a Django validation error, by field if it names fields."""
    if hasattr(error, "error_dict"):
        return error.message_dict
    return error.messages


def _allowed_actions(error: StateConflict) -> str:
    can = ", ".join(allowed_actions(error.mailing)) or "none"
    return f"{error} Allowed actions: {can}."


def _headers(error: APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if seconds := getattr(error, "retry_after", None):
        headers["Retry-After"] = str(seconds)
    return headers


def _detail(error: APIException) -> str:
    match error:
        case NotAuthenticated():
            return "Give an API key: write the header 'Authorization: Bearer KEY'."
        case NotFound():
            return "There is nothing with this id or at this address."
        case MethodNotAllowed():
            return f"{error.detail} The header Allow lists the allowed methods."
        case NotAcceptable():
            return "Responses are application/json: request it in the header Accept."
        case UnsupportedMediaType():
            return "Send JSON, with the header 'Content-Type: application/json'."
    return str(error.detail)


def _body_errors(error: APIException) -> list[FieldError]:
    if isinstance(error, TooLarge | ParseError):
        return [{"field": BODY, "message": str(error.detail)}]
    return []


def _flatten(detail: Any, path: tuple[str, ...] = ()) -> Iterator[FieldError]:
    """Yield each message with the dotted path of its field: `filter.tags`, `3.phone_number`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flatten(inner, path if name == WHOLE else (*path, str(name)))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _flatten(inner, (*path, str(index)) if nested else path)
    else:
        yield field_error(path, str(detail))


def field_error(path: Iterable[str], message: str) -> FieldError:
    """Return one field error, of a bounded length."""
    return {"field": dotted(path) or BODY, "message": shorten(message, LONGEST_MESSAGE)}


def _summary(errors: list[FieldError]) -> str:
    fields = ", ".join(dict.fromkeys(error["field"] for error in errors))
    return f"Nothing was changed. Invalid fields: {fields[:500]}."

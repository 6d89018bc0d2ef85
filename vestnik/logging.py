"""Structured logs on standard error, without phone numbers (decision 0087).

Every line, of this service or of a library, goes through one formatter: JSON for a collector
(`LOG_FORMAT=json`), or coloured text for a terminal.
"""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from vestnik.outages import one_line
from vestnik.reasons.phone_masking import mask_number, mask_numbers

#: Phone numbers as numbers.
NUMBERS = range(70_000_000_000, 80_000_000_000)
CALLBACK_SECRET = re.compile(r"(/receipts/[^/]+/)[^/]+")
WELL = ("GET /livez", "GET /readyz")
LIBRARIES = ("django", "celery", "gunicorn.error", "gunicorn.access", "py.warnings")


def without_numbers(logger: Any, name: str, event: EventDict) -> MutableMapping[str, Any]:
    """Hide phone numbers in all parts of the event."""
    return {key: _hidden(value) for key, value in event.items()}


def _hidden(value: Any) -> Any:
    match value:
        case str():
            return mask_numbers(value)
        case bool() | float() | None:
            return value
        case int():
            return mask_number(str(value)) if value in NUMBERS else value
        case dict():
            return {_hidden(key): _hidden(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hidden(inner) for inner in value]
    return _hidden(repr(value))


def without_query(logger: Any, name: str, event: EventDict) -> MutableMapping[str, Any]:
    """Remove query strings and the secrets of callbacks from addresses.

    A filter by phone number can be written in many ways, so the whole query string is removed.
    """
    if isinstance(request := event.get("request"), str):
        event["request"] = CALLBACK_SECRET.sub(r"\1***", request.partition("?")[0])
    return event


def without_health_checks(logger: Any, name: str, event: EventDict) -> EventDict:
    """Drop successful health checks, which run every few seconds."""
    if event.get("code") == 200 and event.get("request") in WELL:
        raise structlog.DropEvent
    return event


def celery_in_one_line(logger: Any, name: str, event: EventDict) -> EventDict:
    """Shorten Celery's report of an absent broker to one line without a traceback."""
    if str(event.get("logger", "")).startswith("celery.worker.consumer"):
        cause = event.pop("exc_info", None)
        words = " ".join(str(event["event"]).split())
        error = cause[1] if isinstance(cause, tuple) else None
        event["event"] = f"{words} ({one_line(error)})" if error else words
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.UnicodeDecoder(),
]


def _renderer(form: str) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def configured(level: str, form: str) -> dict[str, Any]:
    """Configure structlog, and return Django's LOGGING."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            without_health_checks,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            celery_in_one_line,
            structlog.processors.format_exc_info,
            without_query,
            without_numbers,
            _renderer(form),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"handlers": [], "propagate": True} for name in LIBRARIES},
            # A line for each wake-up has no information; the work has lines of its own.
            "celery": {"level": "WARNING", "handlers": [], "propagate": True},
            # Successful logins are not logged; guessed passwords are warnings.
            "axes": {"level": "WARNING", "handlers": [], "propagate": True},
            # django_structlog logs each request and its error already.
            "django.request": {"level": "CRITICAL", "handlers": [], "propagate": True},
            "django.server": {"level": "ERROR", "handlers": [], "propagate": True},
        },
    }

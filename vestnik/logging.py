"""Structured logs on standard error, without phone numbers.

Every line, ours or a library's, goes through one formatter: JSON for a collector
(`LOG_FORMAT=json`), or coloured text for a terminal.
"""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from vestnik.audience.phone import hide
from vestnik.outages import one_line

NUMBER = re.compile(r"(?<![\d.])7[0-9]{10}(?!\d)", re.ASCII)
NUMBERS = range(70_000_000_000, 80_000_000_000)
CALLBACK_SECRET = re.compile(r"(/receipts/[^/]+/)[^/]+")
WELL = ("GET /livez", "GET /readyz")
LIBRARIES = ("django", "celery", "gunicorn.error", "gunicorn.access", "py.warnings")


def without_numbers(logger: Any, name: str, event: EventDict) -> MutableMapping[str, Any]:
    """Hide every phone number, wherever in the line it is."""
    return {key: _hidden(value) for key, value in event.items()}


def _hidden(value: Any) -> Any:
    match value:
        case str():
            return NUMBER.sub(lambda found: hide(found[0]), value)
        case bool() | float() | None:
            return value
        case int():
            return hide(str(value)) if value in NUMBERS else value
        case dict():
            return {_hidden(key): _hidden(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hidden(inner) for inner in value]
    return _hidden(repr(value))


def without_query(logger: Any, name: str, event: EventDict) -> MutableMapping[str, Any]:
    """Cut what an address asks for, since a filter by phone number can be written in many ways,
    and the secret by which a provider shows who it is."""
    if isinstance(request := event.get("request"), str):
        event["request"] = CALLBACK_SECRET.sub(r"\1***", request.partition("?")[0])
    return event


def without_health_checks(logger: Any, name: str, event: EventDict) -> EventDict:
    """Leave out what is asked every few seconds and was answered well."""
    if event.get("code") == 200 and event.get("request") in WELL:
        raise structlog.DropEvent
    return event


def celery_in_one_line(logger: Any, name: str, event: EventDict) -> EventDict:
    """A broker that is away is one line of Celery's, without a traceback of its client library."""
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
    """Django's LOGGING; configures structlog on the way."""
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
            # Four hints a second are no news; what they lead to has lines of its own.
            "celery": {"level": "WARNING", "handlers": [], "propagate": True},
            # That the login works is no news either; who guesses passwords is a warning.
            "axes": {"level": "WARNING", "handlers": [], "propagate": True},
            # Each request, and what went wrong in it, is a line of django_structlog's already.
            "django.request": {"level": "CRITICAL", "handlers": [], "propagate": True},
            "django.server": {"level": "ERROR", "handlers": [], "propagate": True},
        },
    }

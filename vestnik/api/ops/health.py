"""Liveness and readiness probes.

Kubernetes and load balancers send a Host that ALLOWED_HOSTS does not contain, so these two
addresses accept any Host.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateOutcome
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from vestnik.api.ops.single_flight import SingleFlight
from vestnik.db import redis_client
from vestnik.db.session_locks import settings_not_in_effect
from vestnik.dispatch.runtime import clock_skew
from vestnik.dispatch.signals import heartbeat

log = structlog.get_logger(__name__)

#: Seconds for all checks of a request together.
SECONDS = 2
BROKER_PROBE = "vestnik:readyz"
#: Seconds after which the probe's key expires in Redis.
SECONDS_OF_PROBE = 60
OK = "ok"

_ask = SingleFlight("readyz", after_each=connections.close_all)


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200: this process handles requests."""
    return JsonResponse({"status": OK})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database, its migrations and the broker are available; otherwise 503.

    `pipeline` has figures of starting and sending, `warnings` has faults to repair. Neither changes
    the status: the process can still serve requests.
    """
    ends = time.monotonic() + SECONDS
    asked = {name: _ask.ask(check) for name, check in CHECKS.items()}
    also = {name: _ask.ask(check) for name, check in ALSO.items()}
    found = {name: _answer(name, future, ends) for name, future in asked.items()}
    signs, clock, missing = (_or_none(future, ends) for future in also.values())
    ready = set(found.values()) == {OK}
    body = {
        "status": OK if ready else "unavailable",
        "checks": found,
        "pipeline": _pipeline(signs, clock),
        "warnings": [
            *_of_clocks(_skew(signs, clock)),
            *_of_marks(signs),
            *_of_settings(missing or ()),
        ],
    }
    return JsonResponse(body, status=200 if ready else 503)


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/livez": livez, "/readyz": readyz}


def probes(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer the probes before the middleware that checks the Host header."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return PROBES.get(request.path_info, answer)(request)

    return middleware


def _pipeline(
    signs: heartbeat.ProcessStatus | None, clock: clock_skew.ClockReading | None
) -> dict[str, float | None] | None:
    """Return the state of the pipeline; None if the database does not answer."""
    if signs is None:
        return None
    return {
        "workers": signs.workers,
        "scheduler_age_seconds": _rounded(signs.scheduler_age),
        "overdue_mailings": signs.overdue_mailings,
        "oldest_due_seconds": _rounded(signs.oldest_due_seconds),
        "clock_skew_seconds": _rounded(_skew(signs, clock)),
    }


def _skew(
    signs: heartbeat.ProcessStatus | None, clock: clock_skew.ClockReading | None
) -> float | None:
    """Return the largest difference of a clock from the database's."""
    known = [] if signs is None else [signs.clock_skew]
    if clock is not None and clock.is_sharp:
        known.append(clock.ahead)
    return max((ahead for ahead in known if ahead is not None), key=abs, default=None)


def _of_clocks(skew: float | None) -> Iterator[str]:
    if skew is not None and abs(skew) > clock_skew.MOST_SECONDS:
        yield f"a clock differs from the database's by {abs(skew):.1f} s: {clock_skew.REMEDY}"


def _of_marks(signs: heartbeat.ProcessStatus | None) -> Iterator[str]:
    if signs is not None and signs.slow_marks is not None:
        yield (
            f"marking messages takes {signs.slow_marks:.1f} s, so none leave: check the database's "
            "disk, its locks, its standby and the load of the hosts"
        )


def _of_settings(missing: Iterable[str]) -> Iterator[str]:
    if names := ", ".join(missing):
        yield (
            f"database sessions lose the settings {names}: a lock of a frozen process may stay. "
            "Connect without a pooler, or through one that pools sessions"
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1) + 0.0  # no minus zero


def _or_none(future: Future[Any], ends: float) -> Any:
    """Return the result of a check; None if it failed or timed out."""
    try:
        return future.result(timeout=max(0.0, ends - time.monotonic()))
    except Exception:
        return None


def _answer(name: str, future: Future[None], ends: float) -> str:
    """Return whether a check passed. The log has the error, which may name an address or a user."""
    try:
        future.result(timeout=max(0.0, ends - time.monotonic()))
    except (LateOutcome, redis.TimeoutError):
        return f"no answer within {SECONDS} s"
    except NotMigrated:
        return "migrations are missing"
    except redis.ResponseError as error:
        log.warning("not ready", check=name, trouble=str(error).split("\n", 1)[0])
        return "refuses writes"  # a full disk or memory, or a replica
    except Exception as error:
        log.warning("not ready", check=name, trouble=type(error).__name__)
        return "away"
    return OK


class NotMigrated(Exception):
    """The database is older than this code."""


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@cache
def _migrations() -> None:
    """Check the migrations; a success is cached for the life of the process."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated


def _broker() -> None:
    """Write to the broker: one with a full disk or memory still answers reads."""
    with redis_client.connect(settings.REDIS_URL, SECONDS) as broker:
        broker.set(BROKER_PROBE, 1, ex=SECONDS_OF_PROBE)


#: Further figures, in this order. They do not decide about readiness.
ALSO: dict[str, Callable[[], Any]] = {
    "signs": heartbeat.read_status,
    "clock": clock_skew.measure_host,
    "settings": settings_not_in_effect,
}
CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
}

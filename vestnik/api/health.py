"""Whether this process lives, and whether what it needs is there."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from functools import cache
from typing import TypeVar

import redis
import structlog
from celery import current_app
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from vestnik.dispatch import heartbeat

T = TypeVar("T")

log = structlog.get_logger(__name__)

SECONDS = 2
BROKER_PROBE = "vestnik:readyz"
SECONDS_OF_PROBE = 60
OK = "ok"

_asking = ThreadPoolExecutor(max_workers=6, thread_name_prefix="readyz")


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return JsonResponse({"status": OK})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """The database, its migrations and the broker are there; 503 names what is not.

    `pipeline` says whether mailings are started and sent. It does not make this process less ready.
    """
    pipeline = _asking.submit(_asked, heartbeat.signs)
    asked = {name: _asking.submit(_asked, check) for name, check in CHECKS.items()}
    found = {name: _answer(name, future) for name, future in asked.items()}
    ready = set(found.values()) == {OK}
    body = {
        "status": OK if ready else "unavailable",
        "checks": found,
        "pipeline": _pipeline(pipeline),
    }
    return JsonResponse(body, status=200 if ready else 503)


def _pipeline(future: Future[heartbeat.Signs]) -> dict[str, float | None] | None:
    """None where the database does not say."""
    try:
        signs = future.result(timeout=SECONDS)
    except Exception:
        return None
    age = signs.scheduler_age
    return {
        "workers": signs.workers,
        "scheduler_age_seconds": None if age is None else round(age, 1),
        "overdue_mailings": signs.overdue_mailings,
    }


def _asked(check: Callable[[], T]) -> T:
    try:
        return check()
    finally:
        connections.close_all()


def _answer(name: str, future: Future[None]) -> str:
    """What went wrong is in the log: an address or a user's name is nobody's business."""
    try:
        future.result(timeout=SECONDS)
    except Late:
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
    """Kept once it is so: a process never outlives its code."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated


def _broker() -> None:
    """A broker whose disk or memory is full still answers: only a write tells."""
    address = current_app.conf.broker_write_url
    limits = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    with redis.Redis.from_url(address, **limits) as broker:
        broker.set(BROKER_PROBE, 1, ex=SECONDS_OF_PROBE)


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
}

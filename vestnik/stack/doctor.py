"""`vestnik doctor`: checks the database, Redis, clocks and processes. A fault names its remedy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import redis
from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection

from vestnik.db import redis_client
from vestnik.db.session_locks import settings_not_in_effect
from vestnik.dispatch.runtime import clock_skew
from vestnik.dispatch.signals import heartbeat
from vestnik.stack import wait_for

#: The oldest supported major version of PostgreSQL.
OLDEST_VERSION = 14
#: Seconds since the last run of the scheduler, which runs every second, from which it is a fault.
OLDEST_TICK = 15.0
BROKER_TIMEOUT = 2.0


@dataclass(frozen=True)
class Finding:
    """The result of one check, with the remedy if it is a fault."""

    check: str
    result: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        return not self.remedy

    def __str__(self) -> str:
        line = f"{'ok   ' if self.is_well else 'FAULT'} {self.check}: {self.result}"
        return line if self.is_well else f"{line}\n      → {self.remedy}"


def examine() -> Iterator[Finding]:
    """Run all checks, or those that need no database if it does not answer."""
    error = wait_for.connection_error()
    if error is None:
        for check in (_version, _durability, _migrations, _sessions, _clock):
            yield from _run_check(check)
    else:
        remedy = "check that it runs and that DATABASE_URL is its address"
        yield Finding("database", wait_for.first_line(error), remedy)
    yield from _broker()
    yield _proxies()
    if error is None:
        yield from _run_check(_pipeline)


def _run_check(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except DatabaseError as error:
        yield Finding("database", wait_for.first_line(error), "see its log")


def _version() -> Iterator[Finding]:
    connection.ensure_connection()
    major, minor = connection.get_database_version()
    remedy = "" if major >= OLDEST_VERSION else f"use PostgreSQL {OLDEST_VERSION} or newer"
    yield Finding(
        "database", f"PostgreSQL {major}.{minor} at {wait_for.database_address()}", remedy
    )


def _durability() -> Iterator[Finding]:
    faults = checks.run_checks(tags=[checks.Tags.database], databases=[DEFAULT_DB_ALIAS])
    for fault in faults:
        if fault.is_serious():
            yield Finding("durability", str(fault.msg), str(fault.hint or "check its settings"))
    if not any(fault.is_serious() for fault in faults):
        yield Finding("durability", "committed data survives a crash")


def _migrations() -> Iterator[Finding]:
    if wait_for.has_pending_migrations():
        yield Finding("migrations", "some are missing", "run `vestnik setup`")
    else:
        yield Finding("migrations", "all are applied")


def _sessions() -> Iterator[Finding]:
    if missing := settings_not_in_effect():
        remedy = (
            "a lock of a frozen process may never end: connect without a pooler, or through one "
            f"that pools sessions, or set in PostgreSQL's own configuration: {', '.join(missing)}"
        )
        yield Finding("locks", f"{len(missing)} settings of a session are lost", remedy)
    else:
        yield Finding("locks", "the server ends the locks of a frozen or lost process")


def _clock() -> Iterator[Finding]:
    ours = clock_skew.measure_host()
    remedy = clock_skew.REMEDY if ours.is_wrong else ""
    yield Finding("clock of this host", f"{ours}, compared with the database's", remedy)
    try:
        broker = clock_skew.measure_broker(ours)
    except redis.RedisError:
        return
    remedy = clock_skew.REMEDY if broker.is_wrong else ""
    yield Finding("clock of Redis", f"{broker}, compared with the database's", remedy)


def _broker() -> Iterator[Finding]:
    try:
        with redis_client.connect(settings.REDIS_URL, BROKER_TIMEOUT) as client:
            info = client.info()
    except redis.RedisError as error:
        problem = wait_for.first_line(error)
        yield Finding("Redis", problem, "check that it runs and that REDIS_URL is its address")
        return
    policy = info.get("maxmemory_policy", "noeviction")
    wrong = policy != "noeviction" and bool(info.get("maxmemory"))
    remedy = "set maxmemory-policy to noeviction: otherwise wake-ups and rate limits are evicted"
    version = info.get("valkey_version") or info.get("redis_version")
    yield Finding("Redis", f"version {version}, {policy}", remedy if wrong else "")


def _proxies() -> Finding:
    count = settings.WEB_PROXIES
    said = "X-Forwarded-For is ignored" if not count else f"entry {count} from the right is used"
    wrong = settings.WEB_HTTPS and not count
    remedy = "WEB_HTTPS is for a proxy with TLS: set WEB_PROXIES to the number of proxies"
    return Finding("visitors' address", f"WEB_PROXIES={count}, {said}", remedy if wrong else "")


def _pipeline() -> Iterator[Finding]:
    signs = heartbeat.read_status()
    if signs.workers is None:
        return
    remedy = "" if signs.workers else "start a worker: `vestnik worker`"
    yield Finding("workers", f"{signs.workers} with a heartbeat in the last 15 s", remedy)
    age = signs.scheduler_age
    ticks = age is not None and age < OLDEST_TICK
    result = "it has not run for a day" if age is None else f"it ran {age:.0f} s ago"
    remedy = "each worker runs a scheduler: look for `job failed: tick` in a worker's log"
    yield Finding("scheduler", result, "" if ticks else remedy)
    if signs.overdue_mailings:
        result = f"{signs.overdue_mailings} are due and have not started"
        yield Finding("mailings", result, "see the workers' log")
    for process, ahead in sorted(signs.clocks.items()):
        if abs(ahead) > clock_skew.MOST_SECONDS and process != clock_skew.BROKER:
            result = f"{clock_skew.ClockReading(ahead, 0.0)}, compared with the database's"
            yield Finding(f"clock of {process}", result, clock_skew.REMEDY)

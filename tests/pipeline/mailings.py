"""Mailings by the API of a running stack, and the audit of their messages."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.directory import MAKE_CLIENTS
from tests.stack.embedded_servers import wait_until
from tests.stack.running import Answer, RunningStack, Sent
from vestnik.api.http.problems import DETAILS
from vestnik.db.errors import FailureKind

TEXT = "Hello from the test"
DATABASE_AWAY = DETAILS[FailureKind.AWAY]
ENDED = ("finished", "cancelled", "missed")


def instant(seconds: float) -> str:
    """Return the instant in `seconds` from now, as the API reads it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def fill(stack: RunningStack, clients: int) -> None:
    """Create exactly `clients` clients."""
    with_retries(stack, "DELETE FROM audience_client")
    stack.sql(MAKE_CLIENTS, (0, clients - 1))


def create(stack: RunningStack, starts_in: float = 0.0, ends_in: float = 600.0, **more: Any) -> int:
    """Create a mailing to all clients, or to those of `filter`; return its id."""
    body = {"text": TEXT, "filter": {}, **more}
    body |= {"starts_at": instant(starts_in), "ends_at": instant(ends_in)}
    answer = stack.api("POST", "mailings/", body)
    assert answer.status == 201, answer.body
    return int(answer.body["id"])


def command(stack: RunningStack, mailing: int, verb: str) -> float:
    """Pause, resume or cancel; return the monotonic time of the answer."""
    answer = stack.api("POST", f"mailings/{mailing}/{verb}/")
    assert answer.status == 200, answer.body
    return time.monotonic()


def read(stack: RunningStack, mailing: int) -> dict[str, Any]:
    return _content(stack, stack.api("GET", f"mailings/{mailing}/"))


def _content(stack: RunningStack, answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, f"{answer}\n{stack.tail()}"
    found: dict[str, Any] = answer.body
    return found


def wait_ended(stack: RunningStack, mailing: int, seconds: float) -> dict[str, Any]:
    """Return the mailing when it has ended and has no open message; the API may be away
    meanwhile, and so may its database."""
    deadline = time.monotonic() + seconds
    found: dict[str, Any] = {"state": "?"}
    while time.monotonic() < deadline:
        found = _read_if_there(stack, mailing)
        if found["state"] in ENDED and not is_open(found):
            return found
        time.sleep(0.1)  # more frequent requests would slow the mailing down
    raise TimeoutError(f"mailing {mailing} has not ended: {found}\n{stack.tail()}")


def _read_if_there(stack: RunningStack, mailing: int) -> dict[str, Any]:
    """Return the mailing; with the state "?" if the API or its database is away."""
    began = time.monotonic()
    try:
        answer = stack.api("GET", f"mailings/{mailing}/")
    except OSError:
        return {"state": "?"}
    if answer.status == 503 and answer.body["detail"] == DATABASE_AWAY:
        print(f"{answer} after {time.monotonic() - began:.1f} s")  # a failure shows it
        return {"state": "?"}
    return _content(stack, answer)


def is_open(mailing: dict[str, Any]) -> bool:
    """Return whether messages of it are still to be created or sent."""
    to_be_made = mailing["started_at"] and not mailing["enlisted_at"]
    return bool(to_be_made or mailing["progress"]["queued"] or mailing["progress"]["sending"])


def with_retries(stack: RunningStack, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Query repeatedly until the database, which may be restarting, answers."""
    for _ in range(1_000):
        try:
            return stack.sql(query, parameters)
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise TimeoutError("the database does not come back")


@dataclass(frozen=True)
class AuditReport:
    """A mailing by the receiving end and by the database."""

    matched: int
    #: The API's response for the mailing.
    progress: dict[str, int]
    #: The messages in each state, by their rows and by the batches' counts. Both are read at one
    #: instant, so they must be equal, also while receipts arrive.
    rows: dict[str, int]
    kept: dict[str, int]
    #: Numbers that got a message.
    arrived: int
    arrivals: list[Sent]
    #: Client numbers that arrived more than once.
    doubled: list[str]
    #: Neither arrived, nor in a state that explains it.
    lost: list[str]
    #: Recorded as sent, but never arrived.
    false_sent: list[str]

    @property
    def adds_up(self) -> bool:
        shown = sum(n for state, n in self.progress.items() if state != "matched")
        kept = sum(self.kept.values())
        return self.rows == self.kept and shown == kept == self.matched


# One statement, so one snapshot: messages with their number, and batches with their counts.
STATES = """
SELECT phone_number, state, 0 FROM dispatch_message WHERE mailing_id = %s
UNION ALL
SELECT '', counted.state, sum(counted.n)
FROM dispatch_batch b, LATERAL (VALUES
    ('queued', queued), ('sent', sent), ('delivered', delivered), ('undelivered', undelivered),
    ('failed', failed), ('unknown', unknown), ('expired', expired), ('cancelled', cancelled),
    ('suppressed', suppressed)
) AS counted (state, n)
WHERE b.mailing_id = %s GROUP BY counted.state HAVING sum(counted.n) > 0
"""
QUEUED = "SELECT count(*) FROM dispatch_message WHERE mailing_id = %s AND state = 'queued'"
SAYS_WHY_NOT = {"unknown", "failed", "expired", "cancelled", "suppressed"}


LEFT = {"sent", "delivered", "undelivered"}


def audit(
    stack: RunningStack, mailing: int, at_gateway: Mapping[str, int] | None = None
) -> AuditReport:
    """Audit an ended mailing at the console, or by how often a gateway accepted each number."""
    with suppress(TimeoutError):  # displayed states change at once, rows later
        wait_until(lambda: stack.sql(QUEUED, (mailing,)) == [(0,)], seconds=10)
    found = stack.sql(STATES, (mailing, mailing))
    states = {phone: state for phone, state, _ in found if phone}
    if at_gateway is None:
        left = sum(state in LEFT for state in states.values())
        with suppress(TimeoutError):  # a thread of the test reads the console
            wait_until(lambda: sum(1 for _ in stack.sent(mailing)) >= left, seconds=10)
    arrivals = list(stack.sent(mailing))
    arrived = Counter(sent.phone for sent in arrivals)
    arrived.update(at_gateway or {})
    progress = read(stack, mailing)["progress"]
    return AuditReport(
        matched=progress["matched"],
        progress=progress,
        rows=dict(Counter(states.values())),
        kept={state: int(n) for phone, state, n in found if not phone},
        arrived=len(arrived),
        arrivals=arrivals,
        doubled=[phone for phone, times in arrived.items() if times > 1],
        lost=[
            phone
            for phone, state in states.items()
            if phone not in arrived and state not in SAYS_WHY_NOT
        ],
        false_sent=[
            phone for phone, state in states.items() if state in LEFT and phone not in arrived
        ],
    )

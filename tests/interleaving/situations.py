"""The rows on which two operations meet: a mailing to a few clients, with a batch in each state.

Each run creates its rows by one statement without parameters, with new ids.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from tests.interleaving.gateway import ALIAS
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.window import database_now

OPEN_ZONE, CLOSED_ZONE = "Europe/Moscow", "Asia/Vladivostok"
TEXT, NEW_TEXT = "Hi {{ phone_number }}", "New {{ phone_number }}"
CLIENTS = 16
#: Seconds to the end of a mailing that is about to end.
SOON = 0.1

TABLES = (
    "dispatch_deletedclient",
    "dispatch_pendingstop",
    "dispatch_keptreceipt",
    "dispatch_handover",
    "dispatch_audienceslice",
    "dispatch_enlistment",
    "dispatch_message",
    "dispatch_batch",
    "dispatch_inboundtext",
    "dispatch_breaker",
    "dispatch_mailingturn",
    "reports_sample",
    "mailings_mailingevent",
    "mailings_mailingtext",
    "mailings_mailing",
    "audience_stoplistentry",
    "audience_client",
)
CLEAR = "".join(f"DELETE FROM {table};" for table in TABLES)

_bases = itertools.count(1_000_000, 100)


@dataclass(frozen=True)
class Row:
    """A message, by its client's number."""

    n: int
    state: str = "queued"
    attempt: int | None = None
    #: The id of an earlier attempt that may have arrived.
    doubted: int | None = None


@dataclass(frozen=True)
class Lot:
    """A batch."""

    number: int
    state: str
    rows: Sequence[Row]
    in_flight: Sequence[int] = ()
    #: Seconds from now.
    due: float = 0.0


# Batch 0: a live worker has four messages in flight. Batch 1: its worker is dead, and the lease has
# expired. Batch 2: it became due a moment ago. Batch 3: all messages are unknown. Batch 4: one is
# unknown, and one was unknown and is queued again. Receipts find message 13 by the provider's id.
# Clients 14 and 15 are not enlisted yet.
FULL = (
    Lot(0, "claimed", [Row(n) for n in range(5)], in_flight=(0, 1, 2, 3), due=30.0),
    Lot(1, "claimed", [Row(5), Row(6)], in_flight=(5,), due=-1.0),
    Lot(2, "waiting", [Row(7)], due=-1.0),
    Lot(3, "done", [Row(8, "unknown", attempt=3), Row(9, "unknown", attempt=3)]),
    Lot(4, "ready", [Row(10, doubted=4), Row(11), Row(12, "unknown", attempt=4)]),
    Lot(5, "done", [Row(13, "sent")]),
)
# The hours of batch 2 are over.
BY_HOURS = tuple(Lot(2, "ready", [Row(7)]) if lot.number == 2 else lot for lot in FULL)
DONE = (
    Lot(0, "done", [Row(n, "sent") for n in range(8)]),
    Lot(1, "done", [Row(8, "unknown", attempt=3), Row(9, "unknown", attempt=3)]),
    Lot(2, "done", [Row(10, "sent"), Row(11, "sent"), Row(12, "sent")]),
    Lot(3, "done", [Row(13, "sent")]),
)


@dataclass(frozen=True)
class Situation:
    """The state of a mailing, and the ids of its rows."""

    name: str
    state: str = "running"
    lots: Sequence[Lot] = FULL
    ends_in: float = 3600.0
    enlisted: bool = False
    local_hours: bool = False
    base: int = 0
    hours: dict[str, str] = field(default_factory=dict)

    def made(self) -> "Situation":
        """Create the same situation with new rows, and delete the previous ones."""
        situation = replace(self, base=next(_bases), hours=hours_now() if self.local_hours else {})
        with connection.cursor() as cursor:
            cursor.execute(CLEAR + situation.statement())
        return situation

    @property
    def mailing(self) -> int:
        return self.base

    def client(self, n: int) -> int:
        return self.base + n

    message = client

    def number(self, n: int) -> str:
        return str(79_000_000_000 + self.base + n)

    def new_number(self, n: int) -> str:
        return str(79_110_000_000 + self.base + n)

    def batch(self, number: int) -> int:
        return self.base + number

    def attempt(self, number: int) -> int:
        """Return the attempt of a batch's flight."""
        return self.base * 10 + number

    def statement(self) -> str:
        parts = [self._clients(), self._mailing(), *map(self._batch, self.lots)]
        if rows := [(lot, row) for lot in self.lots for row in lot.rows]:
            parts += [self._messages(rows), self._enlistment(), self._hand_over()]
        sequences = ("dispatch_message", "dispatch_batch", "audience_client", "mailings_mailing")
        parts += [f"SELECT setval('{name}_id_seq', {self.base + 50})" for name in sequences]
        return ";".join(parts)

    def _clients(self) -> str:
        rows = ",".join(
            f"({self.client(n)}, '{self.number(n)}', '900', 't', '{OPEN_ZONE}', 'given', '{{}}')"
            for n in range(CLIENTS)
        )
        return (
            "INSERT INTO audience_client (id, phone_number, operator_code, tag, timezone,"
            f" timezone_source, attributes) VALUES {rows}"
        )

    def _mailing(self) -> str:
        began = "NULL" if self.state == "scheduled" else "clock_timestamp() - interval '5 s'"
        over = "clock_timestamp()" if self.state == "cancelled" else "NULL"
        enlisted = "clock_timestamp()" if self.enlisted else "NULL"
        hours = f"'{json.dumps(self.hours)}'" if self.hours else "NULL"
        filtered = '{"tags": ["t"]}' if self.state == "scheduled" else "{}"
        return (
            "INSERT INTO mailings_mailing (id, name, text, filter, starts_at, ends_at, provider,"
            " local_hours, segments, state, state_reason, started_at, enlisted_at, finished_at)"
            f" VALUES ({self.mailing}, 'Test', '{TEXT}', '{filtered}',"
            " clock_timestamp() - interval '5 s',"
            f" clock_timestamp() + interval '{self.ends_in} s', '{ALIAS}',"
            f" {hours}, 1, '{self.state}', '', {began}, {enlisted}, {over})"
        )

    def _batch(self, lot: Lot) -> str:
        states = [row.state for row in lot.rows]
        claim = self.attempt(lot.number) if lot.state == "claimed" else "NULL"
        ids_in_flight = ",".join(str(self.message(n)) for n in lot.in_flight)
        zone = f"'{OPEN_ZONE}'" if self.hours else "NULL"
        return (
            "INSERT INTO dispatch_batch (id, mailing_id, number, first_message_id, last_message_id,"
            " state, due_at, claim_id, attempt_id, in_flight, size, queued, sent, unknown,"
            " timezone, open_until) VALUES"
            f" ({self.batch(lot.number)}, {self.mailing}, {lot.number},"
            f" {self.message(lot.rows[0].n)}, {self.message(lot.rows[-1].n)}, '{lot.state}',"
            f" clock_timestamp() + interval '{lot.due} s', {claim}, {claim}, '{{{ids_in_flight}}}',"
            f" {len(states)}, {states.count('queued')}, {states.count('sent')},"
            f" {states.count('unknown')}, {zone}, {self._open_until(lot)})"
        )

    def _open_until(self, lot: Lot) -> str:
        """Close the hours of batch 2: it has to wait until they open."""
        if not self.hours or lot.state not in ("ready", "claimed"):
            return "NULL"
        closes = LocalHours.read(self.hours).opening(OPEN_ZONE, database_now())[1]
        return "clock_timestamp()" if lot.number == 2 else f"'{closes.isoformat()}'"

    def _messages(self, rows: Iterable[tuple[Lot, Row]]) -> str:
        values = ",".join(self._message(row) for _, row in rows)
        return (
            "INSERT INTO dispatch_message (id, mailing_id, client_id, phone_number, state,"
            " segments, attempts, text, attempt_id, doubted_attempt_id, sent_at,"
            f" provider_message_id) VALUES {values}"
        )

    def _message(self, row: Row) -> str:
        attempt = "NULL" if row.attempt is None else self.attempt(row.attempt)
        doubted = "NULL" if row.doubted is None else self.attempt(row.doubted)
        sent = row.state == "sent"
        return (
            f"({self.message(row.n)}, {self.mailing}, {self.client(row.n)}, '{self.number(row.n)}',"
            f" '{row.state}', 1, 0, 'Hi {self.number(row.n)}', {attempt}, {doubted},"
            f" {'clock_timestamp()' if sent else 'NULL'}, {self._provider_id(row) or 'NULL'})"
        )

    def _provider_id(self, row: Row) -> str:
        return f"'{self.provider_id(row.n)}'" if row.state == "sent" else ""

    def provider_id(self, n: int) -> str:
        """Return the provider's id of a message that it has."""
        return f"id-{self.message(n)}"

    def _enlistment(self) -> str:
        bound = 13 if self.enlisted else 15
        return (
            "INSERT INTO dispatch_enlistment (mailing_id, cursor, bound, next_number, complete,"
            f" failures) VALUES ({self.mailing}, {self.client(13)}, {self.client(bound)}, 6,"
            f" {str(self.enlisted).lower()}, 0)"
        )

    def _hand_over(self) -> str:
        return (
            "INSERT INTO dispatch_handover (alias, provider_message_id, message_id, parts) VALUES"
            f" ('{ALIAS}', '{self.provider_id(13)}', {self.message(13)}, 1)"
        )


def hours_now() -> dict[str, str]:
    """Return hours that are open in the clients' zone and closed in the other zone."""
    now: datetime = database_now().astimezone(ZoneInfo(OPEN_ZONE))
    ends = (now - timedelta(hours=1), now + timedelta(hours=1))
    return dict(zip(("from", "until"), (end.strftime("%H:%M") for end in ends), strict=True))


SITUATIONS = {
    situation.name: situation
    for situation in (
        Situation("running"),
        Situation("paused", state="paused"),
        Situation("hours", local_hours=True, lots=BY_HOURS),
        Situation("ending", ends_in=SOON, enlisted=True),
        Situation("cancelled", state="cancelled"),
        Situation("done", lots=DONE, enlisted=True),
        Situation("due", state="scheduled", lots=()),
    )
}

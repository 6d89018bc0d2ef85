"""The operations on a mailing, each by the functions that views, tasks and workers call."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from tests.builders import from_now
from tests.interleaving.gateway import ALIAS, LEASE, Worker, note
from tests.interleaving.situations import CLOSED_ZONE, NEW_TEXT, Situation
from vestnik.audience import clients, stop_list, upsert
from vestnik.audience.models import Client
from vestnik.audience.stop_list import Source
from vestnik.dispatch.prepare import enlist, launch, local_hours, new_text
from vestnik.dispatch.receive import late_responses, receipts
from vestnik.dispatch.receive.late_responses import Attempt
from vestnik.dispatch.reconcile import closing, status_poller, unknown_messages
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.record.recorder import (
    OutcomeBatch,
    record_and_mark,
    record_and_release,
    record_late,
)
from vestnik.dispatch.suppress import erasure, opt_out, revocation
from vestnik.mailings.models import CANCEL, PAUSE, RESUME, Mailing, Transition
from vestnik.mailings.rules import check_changeable
from vestnik.mailings.window import database_now
from vestnik.providers.base import (
    Accepted,
    Deferred,
    LateOutcome,
    OutboundMessage,
    Outcome,
    Receipt,
)
from vestnik.reports.timeline import sampling

ACTOR = "tests"
SHORT = 3.0
OTHER_HOURS = {"from": "00:00", "until": "23:59"}
#: Clients whose messages are ready, in flight, unknown, not enlisted yet, waiting.
CHANGED = (11, 1, 8, 14)
DELETED = CORRECTED = (8, 11)
#: By situation; None for all others.
ERASED, ERASED_ELSEWHERE = {"paused": 1, "hours": 14}, 8
STOPPED = (14, 10, 8, 7, 1)
LISTED = (14, 10, 7, 1)

#: All situations except a mailing that has not started.
LAUNCHED = ("running", "paused", "hours", "ending", "cancelled", "done")
UNDER_WAY = ("running", "paused", "hours", "ending")
ALL = (*LAUNCHED, "due")


@dataclass(frozen=True)
class Operation:
    """An operation: the situations in which it is possible, and its function."""

    name: str
    situations: Sequence[str]
    run: Callable[[Situation, Worker], object]


OPERATIONS: dict[str, Operation] = {}

Run = Callable[[Situation, Worker], object]


def _operation(name: str, *situations: str) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        OPERATIONS[name] = Operation(name, situations, run)
        return run

    return register


# --- workers ---------------------------------------------------------------------------------


@_operation("mark", *UNDER_WAY)
def mark(situation: Situation, worker: Worker) -> None:
    worker.send_one()


@_operation("record", *UNDER_WAY, "cancelled")
def record(situation: Situation, worker: Worker) -> None:
    """Record four messages of a flight: sent, deferred, unknown, refused. A fifth is in the next
    flight."""
    claim, at = claim_of(situation, 0), database_now()
    settled = OutcomeBatch(claim.claim_id, at)
    settled.add(situation.message(0), "sent", 0.0, provider_id=situation.provider_id(0))
    settled.add_parts(situation.message(0), [situation.provider_id(0)])
    settled.add(situation.message(1), "queued", 0.0, error="not now", retry_in=0.0)
    settled.add(situation.message(2), "unknown", 0.0, error="no answer")
    settled.add(situation.message(3), "failed", 0.0, error="8: no such number")
    note(outgoing(situation, 0))
    attempt, asked_at = claims.new_id(), time.monotonic()
    marked = record_and_mark(claim, settled, [situation.message(4)], attempt, LEASE)
    settled = OutcomeBatch()
    if marked:
        settled = OutcomeBatch(attempt, marked.marked_at)
        message = outgoing(situation, 4, expires_at=asked_at + marked.seconds_to_end)
        message.mark_departed()
        note(message)
        settled.add(message.message_id, "sent", 0.0, provider_id=situation.provider_id(4))
        settled.add_parts(message.message_id, [situation.provider_id(4)])
    assert record_and_release(claim, settled)


@_operation("late answer", *LAUNCHED)
def late_answer(situation: Situation, worker: Worker) -> None:
    """Record late outcomes of unknown messages: not accepted, accepted, and not sent."""
    _take_late(situation, 8, 3, Deferred("busy", 0.0, provider_wide=True))
    _take_late(situation, 9, 3, Accepted(situation.provider_id(9)))
    _take_late(situation, 12, 4, Deferred("busy", 0.0, provider_wide=True))
    if len(situation.lots) > 1 and situation.lots[1].in_flight:
        settled = OutcomeBatch(situation.attempt(1), database_now())
        settled.not_sent.append(situation.message(5))
        record_late(claim_of(situation, 1), settled)


@_operation("answer to a question", *LAUNCHED)
def answer(situation: Situation, worker: Worker) -> None:
    """Record the provider's status answers: it has one of the unknown messages."""
    found = ((8, 3, False), (9, 3, True), (12, 4, False))
    rows = [
        status_poller.MessageToAsk(
            situation.message(n),
            situation.number(n),
            "",
            situation.attempt(attempt),
            _batch(situation, n),
        )
        for n, attempt, _ in found
    ]
    replies = [
        Accepted(situation.provider_id(n)) if has_it else Deferred("not taken")
        for n, _, has_it in found
    ]
    status_poller.record_replies(situation.mailing, rows, replies)


@_operation("receipts", *LAUNCHED)
def take_receipts(situation: Situation, worker: Worker) -> None:
    at = database_now()
    receipts.apply(
        ALIAS,
        [
            Receipt(ALIAS, "delivered", at, provider_id=situation.provider_id(13)),
            Receipt(ALIAS, "delivered", at, message_id=situation.message(9)),
            Receipt(ALIAS, "delivered", at, provider_id=situation.provider_id(0)),
        ],
    )


# --- the scheduler ---------------------------------------------------------------------------


@_operation("sweep", *UNDER_WAY, "cancelled")
def sweep(situation: Situation, worker: Worker) -> None:
    claims.rescue_expired()


@_operation("wake", *UNDER_WAY, "cancelled")
def wake(situation: Situation, worker: Worker) -> None:
    claims.promote_due()


@_operation("closing of hours", "hours")
def schedule_closed(situation: Situation, worker: Worker) -> None:
    local_hours.schedule_closed()


@_operation("close", "ending", "cancelled")
def close(situation: Situation, worker: Worker) -> None:
    left = Mailing.objects.values_list("ends_at", flat=True).get(id=situation.mailing)
    # An end that comes within 0.2 s is waited for: before it nothing is closed.
    time.sleep(min(max(0.0, (left - database_now()).total_seconds()), 0.2))
    closing.close(situation.mailing)


@_operation("finish", "done", "running")
def finish(situation: Situation, worker: Worker) -> None:
    closing.finish_if_done(situation.mailing)


@_operation("enlist", "running", "paused", "hours", "cancelled", "due")
def enlist_chunks(situation: Situation, worker: Worker) -> None:
    """Enlist as a separate process, with its own queue."""
    launch.launch_when_due(situation.mailing)
    if enlist.enlist_few(situation.mailing):
        while enlist.enlist_chunk(situation.mailing):
            pass


@_operation("stop-list sweep", *UNDER_WAY)
def sweep_stop_list(situation: Situation, worker: Worker) -> None:
    """Sweep the stop list after an import into it."""
    stop_list.put([situation.number(n) for n in LISTED], Source.IMPORT)
    opt_out.sweep_new_entries()


@_operation("resend by itself", "running", "paused", "hours", "ending", "done")
def resend_by_itself(situation: Situation, worker: Worker) -> None:
    unknown_messages.resend_automatically([ALIAS])


@_operation("thin out", *LAUNCHED)
def thin_out(situation: Situation, worker: Worker) -> None:
    sampling.take_samples()
    sampling.thin_out()


# --- operators -------------------------------------------------------------------------------


def _order(transition: Transition) -> Run:
    def give(situation: Situation, worker: Worker) -> None:
        mailing = Mailing.objects.get(id=situation.mailing)
        with transaction.atomic():
            mailing.apply(transition, actor=ACTOR)

    return give


_operation("pause", "running", "hours", "ending", "done")(_order(PAUSE))
_operation("resume", "paused")(_order(RESUME))
_operation("cancel", "running", "paused", "hours", "ending", "done", "due")(_order(CANCEL))


@_operation("resend", "running", "paused", "hours", "ending", "done")
def resend(situation: Situation, worker: Worker) -> None:
    unknown_messages.resend(Mailing.objects.get(id=situation.mailing), actor=ACTOR)


@_operation("give up", *LAUNCHED)
def give_up(situation: Situation, worker: Worker) -> None:
    unknown_messages.give_up(Mailing.objects.get(id=situation.mailing), actor=ACTOR)


def _change(situation: Situation, **changes: Any) -> None:
    mailing = Mailing.objects.get(id=situation.mailing)
    check_changeable(mailing, changes)
    new_text.change(mailing, changes, actor=ACTOR)


@_operation("later end", *UNDER_WAY, "done")
def extend(situation: Situation, worker: Worker) -> None:
    _change(situation, ends_at=from_now(7200))


@_operation("earlier end", "running", "hours", "done")
def shorten(situation: Situation, worker: Worker) -> None:
    _change(situation, ends_at=from_now(SHORT))


@_operation("change of rate", "running", "due")
def change_rate(situation: Situation, worker: Worker) -> None:
    _change(situation, rate_limit=100_000)


@_operation("change of text", "paused", "due")
def change_text(situation: Situation, worker: Worker) -> None:
    _change(situation, text=NEW_TEXT)
    if situation.lots:
        new_text.renew(situation.batch(4))


@_operation("change of hours", "due")
def change_hours(situation: Situation, worker: Worker) -> None:
    _change(situation, local_hours=OTHER_HOURS)


@_operation("change of filter", "due")
def change_filter(situation: Situation, worker: Worker) -> None:
    _change(situation, filter={"tags": ["nobody has it"]})


# --- clients and numbers ---------------------------------------------------------------------


@_operation("delete", *ALL)
def delete(situation: Situation, worker: Worker) -> None:
    for n in DELETED:
        revocation.delete_client(situation.client(n))


@_operation("delete many", *ALL)
def delete_many(situation: Situation, worker: Worker) -> None:
    revocation.delete_clients([situation.client(n) for n in CHANGED])


@_operation("erase", *ALL)
def erase(situation: Situation, worker: Worker) -> None:
    erasure.erase_client(situation.client(erased_in(situation)))


def erased_in(situation: Situation) -> int:
    """Return the client to erase: with a message in flight, not enlisted yet, or unknown."""
    return ERASED.get(situation.name, ERASED_ELSEWHERE)


@_operation("change of number", *ALL)
def change_number(situation: Situation, worker: Worker) -> None:
    for n in CORRECTED:
        client = Client.objects.get(id=situation.client(n))
        clients.change(client, {"phone_number": situation.new_number(n)})


@_operation("change of zone", "hours", "due")
def change_zone(situation: Situation, worker: Worker) -> None:
    for n in CORRECTED:
        client = Client.objects.get(id=situation.client(n))
        clients.change(client, {"timezone": CLOSED_ZONE})


@_operation("bulk", "running", "hours", "due")
def upsert_many(situation: Situation, worker: Worker) -> None:
    upsert.upsert([{"phone_number": situation.number(n), "tag": "t"} for n in (15, *CHANGED, 20)])


@_operation("stop", *ALL)
def stop(situation: Situation, worker: Worker) -> None:
    opt_out.stop_numbers([situation.number(n) for n in STOPPED], Source.API)


# --- helpers ---------------------------------------------------------------------------------


def claim_of(situation: Situation, number: int) -> Claim:
    """Return the claim of a batch that is claimed at the start."""
    lot = situation.lots[number]
    return Claim(
        ALIAS,
        situation.attempt(number),
        True,
        situation.batch(number),
        situation.mailing,
        situation.message(lot.rows[0].n),
        situation.message(lot.rows[-1].n),
        len(lot.rows),
        "Hi",
        None,
        1,
        1,
        1,
    )


def outgoing(situation: Situation, n: int, *, expires_at: float | None = None) -> OutboundMessage:
    ahead = time.monotonic() + 60
    return OutboundMessage(
        situation.mailing,
        situation.message(n),
        situation.number(n),
        f"Hi {situation.number(n)}",
        depart_before=ahead,
        expires_at=ahead if expires_at is None else expires_at,
    )


def _batch(situation: Situation, n: int) -> int:
    """Return the batch of a message."""
    lots = (lot for lot in situation.lots if n in {row.n for row in lot.rows})
    return situation.batch(next(lots).number)


def _take_late(situation: Situation, n: int, attempt: int, outcome: Outcome) -> None:
    message = outgoing(situation, n)
    queued = QueuedMessage(message.message_id, message.phone_number, message.text, 1, 0)
    claim = claim_of(situation, _batch(situation, n) - situation.base)
    message.attempt = Attempt(
        claim, situation.attempt(attempt), database_now(), queued, departed=0.0
    )
    late_responses.apply(LateOutcome(message, outcome))

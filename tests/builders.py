"""Things to test with, in one line each."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from tests.directory import MAKE_CLIENTS
from vestnik.audience.models import Client
from vestnik.dispatch.prepare import enlist, launch
from vestnik.mailings.models import Mailing


def make_client(phone_number: str = "79261234567", **fields: Any) -> Client:
    fields.setdefault("operator_code", phone_number[1:4])
    return Client.objects.create(phone_number=phone_number, **fields)


def make_clients(count: int, first: int = 0) -> list[int]:
    """Clients with the numbers 79000000000 + `first` and on; their ids."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE_CLIENTS, [first, first + count - 1])
    return list(Client.objects.order_by("id").values_list("id", flat=True))


def from_now(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def zone_where_it_is(hour: int) -> str:
    """The name of a zone where this hour of the day has begun."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def make_mailing(starts_in: float = -1.0, ends_in: float = 3600.0, **fields: Any) -> Mailing:
    """A scheduled mailing by the null provider; due at once unless told otherwise."""
    fields = {"name": "Test", "text": "Hello", "filter": {}, "provider": "null", **fields}
    return Mailing.objects.schedule(
        starts_at=from_now(starts_in), ends_at=from_now(ends_in), **fields
    )


def make_running(clients: int = 10, **fields: Any) -> Mailing:
    """A launched mailing whose audience of so many clients is enlisted."""
    make_clients(clients)
    mailing = make_mailing(**fields)
    assert launch.launch(mailing.id)
    enlist_all(mailing)
    mailing.refresh_from_db()
    return mailing


def enlist_all(mailing: Mailing) -> None:
    while enlist.enlist_chunk(mailing.id):
        pass


def end(mailing: Mailing) -> None:
    """Let its end have come."""
    now = timezone.now()
    times = {"starts_at": now - timedelta(seconds=2), "ends_at": now - timedelta(seconds=1)}
    Mailing.objects.filter(id=mailing.id).update(**times)
    mailing.refresh_from_db()


def counts(mailing: Mailing) -> dict[str, int]:
    """How many messages of the mailing are in each state, by their own rows."""
    rows = mailing.messages.values_list("state", flat=True)
    return {state: list(rows).count(state) for state in sorted(set(rows))}


def kept_counts(mailing: Mailing, states: Sequence[str]) -> dict[str, int]:
    """The same, by what the batches keep."""
    batches = list(mailing.batches.values())
    sums = {state: sum(batch[state] for batch in batches) for state in states}
    return {state: count for state, count in sorted(sums.items()) if count}

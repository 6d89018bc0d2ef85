"""Finds messages among millions without an index on their state (decision 0078).

Messages in a state are found by their batches' counts, those of a client by one index probe for
each mailing.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum

from vestnik.audience.models import Client
from vestnik.audience.phone import holding_digits
from vestnik.db.keyset import Keyset
from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.read.message_state import batches_with_state, messages
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import Mailing, MailingText

#: Batches read beyond the page size: those that lie across its start may hold no row of the page.
MORE_SPANS = 50

Span = tuple[int, int]


def detailed() -> QuerySet[Any]:
    """Return messages with the related rows; `known_client` is None for a deleted client."""
    known = Client.objects.filter(id=OuterRef("client_id")).order_by().values("id")
    texts = MailingText.objects.filter(
        mailing=OuterRef("mailing_id"), version=OuterRef("text_version")
    )
    return (
        messages()
        .select_related("mailing")
        .annotate(
            known_client=Subquery(known), version_text=Subquery(texts.order_by().values("text"))
        )
    )


def find(
    keyset: Keyset,
    *,
    mailing: int | None = None,
    client: int | None = None,
    state: str | None = None,
    digits: str = "",
) -> list[Message]:
    """Return the messages of a keyset that match all conditions, in its order.

    `digits` are part of the number. No index covers them: pass a mailing as well.
    """
    rows = detailed() if state is None else detailed().filter(reads_as=state)
    if digits:
        rows = rows.filter(holding_digits(digits))
    if client is not None:
        return keyset.take(rows.filter(id__in=_ids_of_client(client, mailing)))
    # Few numbers match, so searching by state would read the batches one by one.
    if state is not None and not digits:
        return _by_state(keyset, rows, state, mailing)
    return keyset.take(rows if mailing is None else rows.filter(of_mailing(mailing)))


def segments_left_us(mailing: int) -> int:
    """Return how many segments of a mailing the provider has accepted."""
    rows = Message.objects.filter(of_mailing(mailing), state__in=LEFT_US)
    return rows.aggregate(sum=Sum("segments"))["sum"] or 0


def of_mailing(mailing: int) -> Q:
    """Return the condition for a mailing's messages, as a range of the primary key."""
    return Q(mailing_id=mailing, id__range=_span_of(mailing))


def _ids_of_client(client: int, mailing: int | None) -> list[int]:
    """Return the ids of a client's messages.

    A scalar subquery for each mailing: PostgreSQL cannot turn it into a scan of messages, and the
    index on (mailing, client) answers each in microseconds, on every version.
    """
    mailings = Mailing.objects.order_by()
    if mailing is not None:
        mailings = mailings.filter(id=mailing)
    of_client = Message.objects.filter(mailing=OuterRef("id"), client=client).order_by()
    found = mailings.annotate(message=Subquery(of_client.values("id")[:1]))
    return [id for id in found.values_list("message", flat=True) if id is not None]


def _span_of(mailing: int) -> Span:
    """Return the first and last id of a mailing's messages."""
    ends = Batch.objects.filter(mailing=mailing).aggregate(
        first=Min("first_message_id"), last=Max("last_message_id")
    )
    return ends["first"] or 0, ends["last"] or 0


def _by_state(
    keyset: Keyset, rows: QuerySet[Any], state: str, mailing: int | None
) -> list[Message]:
    batches = batches_with_state(state)
    if mailing is not None:
        batches, rows = batches.filter(mailing=mailing), rows.filter(mailing_id=mailing)
    found: list[Message] = []
    rest: Keyset | None = keyset
    while rest is not None and rest.limit > 0:
        spans, reach = _spans(rest, batches)
        taken = rest.take(rows.filter(_within(spans), rest.up_to(reach))) if spans else []
        found += taken
        rest = None if reach is None else rest.advance(reach, len(taken))
    return found


def _spans(keyset: Keyset, batches: QuerySet[Batch]) -> tuple[list[Span], int | None]:
    """Return the next id ranges and the id up to which they are complete; None is the end.

    Each batch holds at least one matching message, so a page of n rows needs at most n batches.
    """
    most = keyset.limit + MORE_SPANS
    while True:
        nearest = _nearest(keyset, batches, most + 1)
        taken = _enough(keyset, nearest[:most])
        spans = [(first, last) for first, last, _ in nearest[:taken]]
        if taken == len(nearest):
            return _merged(spans), None
        reach = nearest[taken][0] - 1 if keyset.ascending else nearest[taken][1] + 1
        if _is_ahead(keyset, reach):
            return _merged(spans), reach
        most *= 2  # all batches lie across the start of the page: read more


def _nearest(keyset: Keyset, batches: QuerySet[Batch], most: int) -> list[tuple[int, int, int]]:
    if keyset.ascending:
        beyond = Q() if keyset.after_id is None else Q(last_message_id__gt=keyset.after_id)
        order = F("first_message_id").asc()
    else:
        beyond = Q() if keyset.after_id is None else Q(first_message_id__lt=keyset.after_id)
        order = F("last_message_id").desc()
    columns = ("first_message_id", "last_message_id", "held")
    return list(batches.filter(beyond).order_by(order).values_list(*columns)[:most])


def _enough(keyset: Keyset, nearest: Sequence[tuple[int, int, int]]) -> int:
    """Return the number of batches until those wholly ahead hold enough rows."""
    sure = 0
    for taken, (first, last, held) in enumerate(nearest, start=1):
        if _is_ahead(keyset, first if keyset.ascending else last):
            sure += held
        if sure >= keyset.limit:
            return taken
    return len(nearest)


def _is_ahead(keyset: Keyset, id: int) -> bool:
    return keyset.after_id is None or (
        id > keyset.after_id if keyset.ascending else id < keyset.after_id
    )


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Merge neighbouring ranges: a state that fills a mailing is one range of its primary key."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _within(spans: Sequence[Span]) -> Q:
    found = Q()
    for span in spans:
        found |= Q(id__range=span)
    return found

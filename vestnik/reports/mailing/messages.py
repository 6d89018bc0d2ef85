"""Finding messages among many millions, without an index on their state.

A state is found by the batches that hold some of it, a client by a probe for each mailing.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import F, Max, Min, OuterRef, Q, QuerySet, Subquery

from vestnik.audience.models import Client
from vestnik.dispatch.models import Batch, Message
from vestnik.mailings.models import Mailing, MailingText
from vestnik.reports.keyset import Walk
from vestnik.reports.mailing.message_state import batches_holding, messages

MORE_SPANS = 50

Span = tuple[int, int]


def detailed() -> QuerySet[Any]:
    """Messages with all that is shown of them; `known_client` is None for a deleted one."""
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
    walk: Walk,
    *,
    mailing: int | None = None,
    client: int | None = None,
    state: str | None = None,
    digits: str = "",
) -> list[Message]:
    """The messages of a walk that fit all that is given, in the walk's order.

    `digits` are a part of the number; no index knows them, so give a mailing with them.
    """
    rows = detailed() if state is None else detailed().filter(reads_as=state)
    if digits:
        rows = rows.filter(phone_number__contains=digits)
    if client is not None:
        return walk.take(rows.filter(id__in=_ids_of_client(client, mailing)))
    # Few numbers have the digits: the batches of the state would be read one by one for them.
    if state is not None and not digits:
        return _by_state(walk, rows, state, mailing)
    return walk.take(rows if mailing is None else rows.filter(of_mailing(mailing)))


def of_mailing(mailing: int) -> Q:
    """The messages of a mailing, by the primary key: there is no index on the mailing alone."""
    return Q(mailing_id=mailing, id__range=_span_of(mailing))


def _ids_of_client(client: int, mailing: int | None) -> list[int]:
    """A scalar sub-query per mailing: PostgreSQL cannot turn it into a scan of the messages, and
    the index on (mailing, client) answers each in microseconds, on every version."""
    mailings = Mailing.objects.order_by()
    if mailing is not None:
        mailings = mailings.filter(id=mailing)
    of_client = Message.objects.filter(mailing=OuterRef("id"), client=client).order_by()
    found = mailings.annotate(message=Subquery(of_client.values("id")[:1]))
    return [id for id in found.values_list("message", flat=True) if id is not None]


def _span_of(mailing: int) -> Span:
    """The ids between which all messages of a mailing are."""
    ends = Batch.objects.filter(mailing=mailing).aggregate(
        first=Min("first_message_id"), last=Max("last_message_id")
    )
    return ends["first"] or 0, ends["last"] or 0


def _by_state(walk: Walk, rows: QuerySet[Any], state: str, mailing: int | None) -> list[Message]:
    batches = batches_holding(state)
    if mailing is not None:
        batches, rows = batches.filter(mailing=mailing), rows.filter(mailing_id=mailing)
    found: list[Message] = []
    rest: Walk | None = walk
    while rest is not None and rest.limit > 0:
        spans, reach = _spans(rest, batches)
        taken = rest.take(rows.filter(_within(spans), rest.up_to(reach))) if spans else []
        found += taken
        rest = None if reach is None else rest.on(reach, len(taken))
    return found


def _spans(walk: Walk, batches: QuerySet[Batch]) -> tuple[list[Span], int | None]:
    """Where the next messages are, and the id up to which that is all; None: up to the end.

    Each batch holds at least one message, so as many batches as rows are wanted are enough, and
    where they hold more, fewer are.
    """
    most = walk.limit + MORE_SPANS
    while True:
        nearest = _nearest(walk, batches, most + 1)
        taken = _enough(walk, nearest[:most])
        spans = [(first, last) for first, last, _ in nearest[:taken]]
        if taken == len(nearest):
            return _merged(spans), None
        reach = nearest[taken][0] - 1 if walk.ascending else nearest[taken][1] + 1
        if _is_ahead(walk, reach):
            return _merged(spans), reach
        most *= 2  # every batch found lies across the start: look further


def _nearest(walk: Walk, batches: QuerySet[Batch], most: int) -> list[tuple[int, int, int]]:
    if walk.ascending:
        beyond = Q() if walk.beyond is None else Q(last_message_id__gt=walk.beyond)
        order = F("first_message_id").asc()
    else:
        beyond = Q() if walk.beyond is None else Q(first_message_id__lt=walk.beyond)
        order = F("last_message_id").desc()
    columns = ("first_message_id", "last_message_id", "held")
    return list(batches.filter(beyond).order_by(order).values_list(*columns)[:most])


def _enough(walk: Walk, nearest: Sequence[tuple[int, int, int]]) -> int:
    """How many batches it takes until those that are wholly ahead hold what is wanted."""
    sure = 0
    for taken, (first, last, held) in enumerate(nearest, start=1):
        if _is_ahead(walk, first if walk.ascending else last):
            sure += held
        if sure >= walk.limit:
            return taken
    return len(nearest)


def _is_ahead(walk: Walk, id: int) -> bool:
    return walk.beyond is None or (id > walk.beyond if walk.ascending else id < walk.beyond)


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Neighbours as one: a state that fills a mailing is one range of its primary key."""
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

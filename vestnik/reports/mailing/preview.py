"""The preview of a mailing: the statement that would create its messages counts them instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from vestnik.audience.models import Client, zone_is_assumed
from vestnik.db import sql
from vestnik.dispatch.prepare.recipients import sample_messages, select_recipients
from vestnik.mailings.forecast import Forecast, spans
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.price import price_of
from vestnik.mailings.rendering import clients_sql, rendered_sql
from vestnik.mailings.text import (
    encoding_of,
    foreign_characters,
    least,
    least_segments_of,
    parse,
)
from vestnik.mailings.text_warnings import text_warnings
from vestnik.mailings.window import END_GUARD, database_now
from vestnik.reports.mailing.outlook import common_forecast

#: Texts of first clients that a preview shows.
SAMPLES = 3

# One row for each time zone; two seconds or less for a million clients.
COUNT = """
SELECT timezone AS zone, count(*), count(*) FILTER (WHERE code = 'stop_list'),
    count(*) FILTER (WHERE code = 'no_sms'), count(*) FILTER (WHERE code = 'no_value'),
    count(*) FILTER (WHERE code = 'too_long'), count(*) FILTER (WHERE code = 'empty_text'),
    count(*) FILTER (WHERE code IS NULL), sum(segments) FILTER (WHERE code IS NULL)
FROM ({rendered}) AS r GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Group:
    """The clients of one zone."""

    zone: str
    matched: int
    stop_list: int
    no_sms: int
    missing_value: int
    too_long: int
    empty_text: int
    going: int
    segments: int | None


def preview(mailing: Mailing) -> dict[str, Any]:
    """Preview an unsaved mailing."""
    clients = select_recipients(mailing.filter)
    groups = _groups(mailing, clients)
    window = (
        max(mailing.starts_at, database_now()),
        mailing.ends_at - timedelta(seconds=END_GUARD),
    )
    schedules = [_spans(mailing, group.zone, window) for group in groups]
    sent = [group for group, open_ in zip(groups, schedules, strict=True) if open_]
    messages = sum(group.going for group in sent)
    segments = sum(_segments(mailing, group) for group in sent)
    return {
        "matched": sum(group.matched for group in groups),
        "timezone_assumed": clients.filter(zone_is_assumed()).count(),
        "excluded": {
            "stop_list": sum(group.stop_list for group in groups),
            "no_sms": sum(group.no_sms for group in groups),
            "missing_value": sum(group.missing_value for group in groups),
            "too_long": sum(group.too_long for group in groups),
            "empty_text": sum(group.empty_text for group in groups),
            "never_open": sum(group.going for group in groups) - messages,
        },
        "text_warnings": text_warnings(mailing.text),
        "messages": messages,
        "zones": {group.zone: group.going for group in groups if group.going},
        "segments": segments,
        "price": price_of(mailing.provider, segments),
        **_letters(mailing.text),
        "samples": sample_messages(mailing, SAMPLES),
        "forecast": _forecast(mailing, groups, schedules, segments / messages if messages else 1),
    }


def preview_of_text(text: str, provider: str, clients: QuerySet[Client]) -> dict[str, Any]:
    """Preview a new text for those clients, with its price. Nothing is stored."""
    renewed = Mailing(text=text, segments=least_segments_of(parse(text)), provider=provider)
    groups = _groups(renewed, clients)
    matched = sum(group.matched for group in groups)
    stopped = sum(group.stop_list for group in groups)
    messages = sum(group.going for group in groups)
    segments = sum(_segments(renewed, group) for group in groups)
    return {
        "matched": matched,
        "stop_list": stopped,
        "messages": messages,
        "left_out": matched - stopped - messages,
        "text_warnings": text_warnings(text),
        "segments": segments,
        "price": price_of(provider, segments),
        "samples": sample_messages(renewed, SAMPLES, clients),
    }


def _groups(mailing: Mailing, clients: QuerySet[Client]) -> list[Group]:
    statement, parameters = clients_sql(mailing.text, clients)
    counting = COUNT.format(rendered=rendered_sql(mailing.text, statement))
    found = sql.rows(counting, [*parameters])
    return [Group(*row) for row in found]


def _segments(mailing: Mailing, group: Group) -> int:
    return mailing.segments * group.going if group.segments is None else group.segments


def _spans(mailing: Mailing, zone: str, window: tuple[datetime, datetime]) -> Sequence[Any]:
    hours = None if mailing.local_hours is None else LocalHours.read(mailing.local_hours)
    return spans(hours, zone, window)


def _letters(text: str) -> dict[str, Any]:
    """Describe the encoding of the common text; a value may still need UCS-2 for its client."""
    words = least(parse(text))
    return {"encoding": str(encoding_of(words)), "ucs2_because_of": foreign_characters(words)}


def _forecast(
    mailing: Mailing, groups: Sequence[Group], schedules: Sequence[Any], weight: float
) -> Forecast:
    open_ones = [
        (group.going, open_) for group, open_ in zip(groups, schedules, strict=True) if open_
    ]
    return common_forecast(mailing, open_ones, database_now(), weight)

"""The overview: action items, running and next mailings, and the last day.

The data are the same for all users, so one query serves all viewers; the rendering depends on the
reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from vestnik.audience.models import Client
from vestnik.dashboard.live.shared_cache import fetch_shared
from vestnik.dashboard.mailings.detail.progress import progress_context
from vestnik.dashboard.templatetags.vestnik import money, number
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.wording import zones
from vestnik.dashboard.wording.action_items import describe
from vestnik.dashboard.wording.state_labels import MESSAGE_STATES
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.signals.heartbeat import OVERDUE_SECONDS, count_workers
from vestnik.mailings.models import UNDER_WAY, Mailing, MailingState
from vestnik.mailings.window import database_now
from vestnik.reports.action_items import action_items
from vestnik.reports.mailing.snapshot import Snapshot, pace_of, snapshots
from vestnik.reports.timeline.daily_totals import backlog, today
from vestnik.reports.timeline.samples import by_hour

MOST_RUNNING, MOST_NEXT, MAX_ACTION_ITEMS = 30, 6, 12
HOURS = 24
#: Seconds. The chart of the last day changes slowly and is the most expensive part.
HOURS_EVERY = 20.0
#: Seconds. A filter without matches is evaluated on every client.
EMPTY_FILTERS_EVERY = 20.0


@page()
def overview(request: OperatorRequest) -> HttpResponse:
    """Show the start page."""
    context = {"is_new": not Mailing.objects.filter(is_test=False).exists()}
    if context["is_new"]:
        context["has_clients"] = Client.objects.exists()
    else:
        context |= render_context(fetch())
    return render(request, "dashboard/overview/page.html", context)


def fetch() -> dict[str, Any]:
    """Return all data of the overview, JSON-compatible with datetimes."""
    under_way = Mailing.objects.filter(state__in=UNDER_WAY, is_test=False)
    following = Mailing.objects.filter(state=MailingState.SCHEDULED, is_test=False)
    data = {
        "now": database_now(),
        "decisions": [asdict(one) for one in action_items()],
        "running": [asdict(one) for one in snapshots(under_way.order_by("ends_at", "id"))],
        "next": list(
            following.order_by("starts_at").values("id", "name", "starts_at", "provider")[
                : MOST_NEXT + 1
            ]
        ),
        "next_for_nobody": fetch_shared(
            "next-for-nobody", EMPTY_FILTERS_EVERY, next_without_clients
        ),
        "today": asdict(today()),
        "backlog": asdict(backlog()),
        "hours": fetch_shared("hours", HOURS_EVERY, last_hours),
    }
    return {**data, "standstill": _standstill(data)}


def next_without_clients() -> list[int]:
    """Return the ids of the next mailings that match no clients now."""
    following = Mailing.objects.filter(state=MailingState.SCHEDULED, is_test=False)
    return [
        mailing.id
        for mailing in following.order_by("starts_at")[:MOST_NEXT]
        if not select_recipients(mailing.filter).exists()
    ]


def _standstill(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many mailings are overdue because no worker runs; empty if all is well."""
    # A mailing that started a moment ago is not overdue yet.
    latest = data["now"] - timedelta(seconds=OVERDUE_SECONDS)
    overdue = sum(one["starts_at"] < latest for one in data["next"])
    if not overdue and not data["running"]:
        return {}
    workers = count_workers()
    if workers is None:
        return {"overdue_without_broker": overdue}
    if workers:
        return {}
    return {"overdue": overdue, "is_standing": not overdue}


def last_hours() -> list[dict[str, Any]]:
    """Return the counts of the last day, by hour."""
    return [{"at": hour.at, **hour.counts} for hour in by_hour(HOURS)]


def render_context(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context for the active language and zone."""
    running = [Snapshot(**one) for one in data["running"]]
    return {
        "now": data["now"],
        "decisions": [
            (_element_id(one), describe(one)) for one in data["decisions"][:MAX_ACTION_ITEMS]
        ],
        "action_item_count": len(data["decisions"]),
        "more_decisions": max(0, len(data["decisions"]) - MAX_ACTION_ITEMS),
        "running": [progress_context(one) for one in running[:MOST_RUNNING]],
        "more_running": max(0, len(running) - MOST_RUNNING),
        "rate": pace_of(sum(one.rate or 0 for one in running)),
        "rates": _by_provider(running),
        "today": data["today"],
        "day_zone": zones.of_the_service_day(data["now"]),
        "spent": _spent(data["today"]),
        "backlog": data["backlog"],
        "next": [
            {**one, "is_for_nobody": one["id"] in data["next_for_nobody"]}
            for one in data["next"][:MOST_NEXT]
        ],
        **data.get("standstill", {}),
        "more_next": len(data["next"]) > MOST_NEXT,
        **_by_hour(data["hours"]),
    }


def _element_id(decision: Mapping[str, Any]) -> str:
    """Return the element's id on the page."""
    return f"{decision['kind']}-{decision['mailing'] or decision['provider']}"


def _by_provider(running: Sequence[Snapshot]) -> list[tuple[str, float | int]]:
    rates: dict[str, float] = {}
    for one in running:
        rates[one.provider] = rates.get(one.provider, 0.0) + (one.rate or 0.0)
    return [(provider, pace_of(rate)) for provider, rate in sorted(rates.items()) if pace_of(rate)]


def _spent(day: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the amount spent; None if no price is known, so that the tile is left out."""
    if day["price"] is None:
        return None
    each = round(day["segments"] / day["sent"], 1) if day["sent"] else None
    amount = Decimal(day["price"])
    text = f"{number(round(amount))}\u00a0₽" if amount >= 1000 else money(amount)
    return {"amount": text, "segments": each}


def _by_hour(hours: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the chart and its table, with the states that occurred."""
    states = [state for state in MESSAGE_STATES if any(hour.get(state) for hour in hours)]
    series = [
        {
            "label": str(MESSAGE_STATES[state]),
            "colour": state,
            "values": [hour[state] for hour in hours],
        }
        for state in states
    ]
    times = [int(hour["at"].timestamp()) for hour in hours]
    rows = [(hour["at"], [hour[state] for state in states]) for hour in hours]
    return {
        "hours": {"times": times, "step": 3600, "series": series} if states else None,
        "hour_states": [MESSAGE_STATES[state] for state in states],
        "hour_rows": [row for row in rows if any(row[1])],
        "zone_name": timezone.get_current_timezone_name(),
    }

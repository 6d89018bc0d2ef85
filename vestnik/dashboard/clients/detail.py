"""The page of one client: the fields, the stop list, and the messages."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.phone import operator_code_of
from vestnik.audience.stop_list import Source, is_number
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.web.paging import paginate
from vestnik.dashboard.wording import zones
from vestnik.dashboard.wording.filter_text import value
from vestnik.dashboard.wording.reasons import said
from vestnik.db.keyset import MAX_ID
from vestnik.dispatch.read import messages

SOURCES: dict[str, Promise] = {
    Source.API: _("over the API"),
    Source.PAGES: _("by an operator"),
    Source.IMPORT: _("from a file"),
    Source.INBOUND: _("wrote a stop word"),
}


@page()
def client_page(request: OperatorRequest, id: int) -> HttpResponse:
    """Show a client and their messages, the latest first."""
    client = client_or_404(id)
    listed = paginate(request, lambda keyset: messages.find(keyset, client=id), newest_first=True)
    now, entry = timezone.now(), entry_of(client.phone_number)
    context = {
        "section": "client-list",
        "client": client,
        "their_zone": zones.labelled(client.timezone, now),
        "local_time": local_time(client, now),
        "attributes": shown(client.attributes),
        "is_ported": client.operator_code != operator_code_of(client.phone_number),
        "entry": entry,
        "source": SOURCES.get(entry.source, entry.source) if entry else "",
        "reason": said(entry.why) if entry else "",
        "listed": listed,
        "rows": [_row(message) for message in listed.rows],
    }
    return render(request, "dashboard/clients/detail.html", context)


def client_or_404(id: int) -> Client:
    """Return the client; a URL may hold a larger id than the database supports."""
    return get_object_or_404(Client, id=min(id, MAX_ID))


def entry_of(number: str) -> StopListEntry | None:
    """Return the stop list's entry of a number, or None."""
    return StopListEntry.objects.filter(is_number(number)).first()


def local_time(client: Client, now: datetime) -> datetime | None:
    """Return the client's naive local time, for display as it is; None if the zone is unknown."""
    zone = zones.find_zone(client.timezone)
    return None if zone is None else now.astimezone(zone).replace(tzinfo=None)


def shown(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return attributes as pages show them."""
    return [(name, value_text(item)) for name, item in sorted(attributes.items())]


def _row(message: Any) -> dict[str, Any]:
    return {"message": message, "text": message.full_text, "why": said(message.why)}


def value_text(item: Any) -> str:
    """Return an attribute's value as pages show it."""
    if item is None or isinstance(item, dict | list):
        return json.dumps(item, ensure_ascii=False)
    return value(item)

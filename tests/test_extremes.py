"""Whatever a row holds, every page, export, admin page and endpoint can show it.

All columns of all tables are set to the least and to the largest that their types and constraints
take, by the database itself: rules of forms and of the API do not count here. Then every address
that can be read is read.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import DataError, IntegrityError, connection, models, transaction
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.builders import from_now, make_client, make_running
from vestnik.access.models import ApiKey, Session, User
from vestnik.access.sessions import SessionStore
from vestnik.api.ops import health
from vestnik.audience.models import Import, NumberRange, RefusedRow, SavedAudience
from vestnik.audience.stop_list import Source, StopListEntry, put
from vestnik.dispatch.models import Message
from vestnik.mailings.models import Mailing, MailingState
from vestnik.reports.models import Sample

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
COUNTED = [
    field.name for field in Sample._meta.fields if isinstance(field, models.PositiveIntegerField)
]
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
LETTERS = "\u202e\U0010ffff<>&\"'=\u0085\t\x01"

#: For each world and type: what to try, until the constraints of the table take one.
INSTANTS = {
    "least": [FIRST, FIRST + SECOND],
    "largest": [LAST, LAST - SECOND],
    "beyond Python": ["-infinity", "4713-01-01 00:00:00+00 BC", "infinity"],
}
NUMBERS = {
    models.SmallIntegerField: (-(2**15), 2**15 - 1),
    models.IntegerField: (-(2**31), 2**31 - 1),
    models.BigIntegerField: (-(2**63), 2**63 - 1),
}
OBJECTS: dict[str, list[Any]] = {
    "least": [{}, []],
    "largest": [
        {
            "whole": 10**4000,
            "real": 1.7e308,
            "small": 5e-324,
            LETTERS * 20: [None, True, {"x": [[[[]]]]}] * 50,
        }
    ],
}
#: These mean something by their form, which others check: their extremes are those of the rules.
OF_A_FORM: dict[str, list[Any]] = {
    "mailings.Mailing.filter": [
        {"attributes": {"n": {"gte": -(10**300), "lte": 10**300}}, "tags": [LETTERS * 9] * 1000}
    ],
    "mailings.Mailing.local_hours": [{"from": "23:59", "until": "00:00"}],
    "audience.Import.options": [{}],
    "audience.RefusedRow.cells": [[LETTERS, "", "9" * 5000] * 100],
    "audience.SavedAudience.filter": [{"attributes": {"n": [10**300, -1.7e308, True]}}],
}
#: By these the reader is known, or the mailing keeps its state.
LEFT_ALONE = {"state", "role", "is_test", "password", "is_active", "template"}
KEPT_APART = (User, ApiKey, Session)
NOT_READ = ("static", "logout", "live/", "jsi18n", "autocomplete", "receipts", "admin/r/")


@pytest.mark.parametrize("world", INSTANTS)
def test_every_address_shows_the_extremes_of_every_column(
    world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SECONDS", 60)  # that a busy machine is slow does not count
    reader = reader_of()
    ids = something_of_everything()
    changed = to_the_extreme(world)
    assert len(changed) > 60, sorted(changed)

    failed = {}
    for address in addresses(ids):
        answer = read(reader, address)
        if answer.status_code not in (200, 302, 400, 405):
            failed[address] = answer.status_code
    assert not failed


def test_an_instant_beyond_what_python_knows_is_read_as_the_bound() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'infinity'::timestamptz, '4713-01-01 00:00:00+00 BC'::timestamptz,"
            " '9999-12-31 23:59:59+00'::timestamptz, '2026-11-29 00:00:00+00'::timestamptz"
        )
        read = cursor.fetchone()

    assert [instant.year for instant in read] == [9900, 100, 9900, 2026]


def reader_of() -> Browser:
    """Somebody who may see everything, in the pages and by the API."""
    user = User.objects.create_user("reader", password="x", role="admin", is_staff=True)
    _, key = ApiKey.objects.issue(name="reader", role="admin")
    opened = Browser(headers={"authorization": f"Bearer {key}"}, raise_request_exception=False)
    opened.force_login(user)
    return opened


def something_of_everything() -> dict[str, Any]:
    """Rows of all tables; an id for each kind of address."""
    running = make_running(3, local_hours={"from": "00:00", "until": "23:59"})
    ids = [running.id, *map(mailing_in, set(MailingState) - {MailingState.RUNNING})]
    user = User.objects.create_user("other", password="x")
    session = SessionStore()
    session["_auth_user_id"] = user.pk
    session.create()
    key, _ = ApiKey.objects.issue(name="other", role="viewer")
    put(["79990000000"], Source.API, "x")
    done = Import.objects.create(file_name="x.csv", size=1, state="done")
    RefusedRow.objects.create(of=done, line=1, cells=["x"], reason="y")
    NumberRange.objects.create(first=9000000000, last=9009999999, region="x")
    saved = SavedAudience.objects.create(name="x", filter={})
    client = make_client("79261234567", id=2**63 - 1)
    Sample.objects.bulk_create(
        Sample(mailing=running, at=from_now(-seconds), **dict.fromkeys(COUNTED, 3))
        for seconds in range(1, 5)
    )
    return {
        "audiences": [saved.id],
        "imports": [done.id],
        "clients": [client.id],
        "mailings": ids,
        "messages": list(Message.objects.values_list("id", flat=True))[:1],
        "stop-list": list(StopListEntry.objects.values_list("id", flat=True)),
        "users": [user.pk],
        "keys": [key.id],
    }


def mailing_in(state: str) -> int:
    """A mailing that is in that state; its id."""
    started = None if state in ("draft", "scheduled", "missed") else from_now(-60)
    ended = from_now(-1) if state in ("finished", "cancelled", "missed") else None
    return Mailing.objects.create(
        name=state,
        text="Hello",
        segments=1,
        starts_at=from_now(-100),
        ends_at=from_now(100),
        provider="null",
        state=state,
        started_at=started,
        finished_at=ended,
    ).id


def to_the_extreme(world: str) -> set[str]:
    """Set each column to the first of its candidates that the database takes; which were set."""
    changed = set()
    for model in apps.get_models():
        rows = model._default_manager.all()
        if model in KEPT_APART:
            rows = rows.exclude(**{_owner(model): "reader"})
        for field in model._meta.concrete_fields:
            if field.is_relation or field.unique or field.name in LEFT_ALONE:
                continue
            for value in candidates(world, field):
                if was_set(rows, field, value):
                    changed.add(f"{model._meta.label}.{field.name}")
                    break
    return changed


def _owner(model: type[models.Model]) -> str:
    return {User: "username", ApiKey: "name"}.get(model, "user__username")


def candidates(world: str, field: Any) -> list[Any]:
    """The extremes of a column's type."""
    side = "least" if world == "least" else "largest"
    match field:
        case models.DateTimeField():
            return [*INSTANTS[world], *INSTANTS["largest"]]
        case models.JSONField():
            return OF_A_FORM.get(f"{field.model._meta.label}.{field.name}", OBJECTS[side])
        case models.BooleanField():
            return [side == "largest"]
        case models.IntegerField():
            bounds = next(b for kind, b in NUMBERS.items() if isinstance(field, kind))
            return [bounds[0], 0] if side == "least" else [bounds[1]]
        case models.CharField() | models.TextField() if not field.choices:
            longest = field.max_length or 2000
            return [""] if side == "least" else [(LETTERS * longest)[:longest]]
    return []


def was_set(rows: Any, field: Any, value: Any) -> bool:
    given = value
    if isinstance(field, models.DateTimeField) and isinstance(value, str):
        given = models.expressions.RawSQL("%s::timestamptz", [value])
    try:
        with transaction.atomic():
            return bool(rows.update(**{field.attname: given}))
    except (IntegrityError, DataError):
        return False


def addresses(ids: dict[str, Any]) -> Iterator[str]:
    """All that can be read, with each id there is for it, and each form of file."""
    for route, names in routes(get_resolver()):
        if any(word in route for word in NOT_READ) or route.startswith("admin/"):
            continue
        for address in filled(route, names, ids):
            yield address
            if "export" in address:
                yield from (f"{address}?format={form}" for form in ("csv", "xlsx"))
    yield "/mailings/?q=1"
    for model, site in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"admin:{name}_changelist")
        if site.search_fields:
            yield reverse(f"admin:{name}_changelist") + "?q=1"
        for row in model._default_manager.all()[:7]:
            yield reverse(f"admin:{name}_change", args=[row.pk])
            yield reverse(f"admin:{name}_history", args=[row.pk])


def routes(resolver: Any, before: str = "") -> Iterator[tuple[str, list[str]]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield route, list(entry.pattern.converters)


def filled(route: str, names: list[str], ids: dict[str, Any]) -> Iterator[str]:
    if not names:
        if "(" not in route:
            yield f"/{route}"
        return
    if len(names) != 1 or not names[0].endswith("id"):
        return
    words = [word for word in route.partition("<")[0].split("/") if word in ids]
    for id in ids.get(words[-1], []) if words else []:
        yield "/" + route.replace(f"<int:{names[0]}>", str(id))


def read(reader: Browser, address: str) -> HttpResponse:
    """The answer, read to its end."""
    with transaction.atomic():
        answer = reader.get(address)
        if getattr(answer, "streaming", False):
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a stream has it
        transaction.set_rollback(True)  # what failed spoils nothing for the next
    return answer

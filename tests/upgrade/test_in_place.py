"""The data of the release before, migrated by `vestnik setup`: all is there and reads as before.

`make_home.py` made the data: that release wrote them, by its own stack.
"""

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client

from tests.upgrade.make_home import ANSWERS, DUMP, all_pages
from vestnik.access.models import User

pytestmark = pytest.mark.django_db

DATABASE = "upgraded"
BEFORE: dict[str, Any] = json.loads(gzip.decompress(ANSWERS.read_bytes()))
Ask = Callable[[str], Any]
#: These count the time that goes on.
MEASURED = ("seconds_under_way", "messages_per_second")

CATALOGUE = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text, ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
ORDER BY 1, 2, 3
"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
#: What messages, mailings and others say, with the code of it.
REASONS = """
SELECT 'message', error, reason FROM dispatch_message WHERE error <> ''
UNION ALL SELECT 'mailing', state_reason, reason FROM mailings_mailing WHERE state_reason <> ''
UNION ALL SELECT 'event', reason, reason_details FROM mailings_mailingevent WHERE reason <> ''
UNION ALL SELECT 'receipt', error, reason FROM dispatch_keptreceipt WHERE error <> ''
UNION ALL SELECT 'breaker', reason, reason_details FROM dispatch_breaker WHERE reason <> ''
UNION ALL SELECT 'import', error, reason FROM audience_import WHERE error <> ''
UNION ALL SELECT 'row', reason, reason_details FROM audience_refusedrow
UNION ALL SELECT 'stop list', reason, reason_details FROM audience_stoplistentry
    WHERE source = 'inbound'
"""


#: How the sentences begin that the release before has stored, and their codes.
CODES = [
    ("message: 400: refused for good", "gateway_said"),
    ("message: 6: the text or the sender is forbidden (message is denied)", "gateway_said"),
    ("message: UNDELIV 027", "receipt_error"),
    ("message: gave up after 2 attempts: HTTP 500", "attempts_exhausted"),
    ("message: given up: nobody knows whether it arrived", "given_up"),
    ("message: in doubt, sent again: ", "resent"),
    ("message: its worker stopped in mid-call", "worker_stopped"),
    ("message: longer than 10 segments", "too_long"),
    ("message: no connection: Connection refused", "no_connection"),
    ("message: no value for ", "no_value"),
    ("message: stop list", "stop_list"),
    ("message: the client was deleted", "client_deleted"),
    ("message: the line was closed before the answer", "connection_closed"),
    ("mailing: 100 % of 204 messages were refused; ", "many_refused"),
    ("mailing: Its provider 'gone' is not configured any more.", "provider_missing"),
    ("mailing: The whole window went by while nothing was running.", "window_missed"),
    ("event: 1 unknown messages", "unknown_messages"),
    ("event: 2 unknown messages", "unknown_messages"),
    ("event: 7 unknown messages", "unknown_messages"),
    ("event: 100 % of 204 messages were refused; ", "many_refused"),
    ("event: 2 numbers", "test_numbers"),
    ("event: Its provider 'gone' is not configured any more.", "provider_missing"),
    ("event: The whole window went by while nothing was running.", "window_missed"),
    ("event: again to failed, expired, unknown, undelivered of mailing 1", "sends_again"),
    ("event: by mailing 20", "sent_again_by"),
    ("event: name", "fields_changed"),
    ("receipt: UNDELIV 027", "receipt_error"),
    ("breaker: no connection: Connection refused", "no_connection"),
    ("breaker: the provider refuses the account (401): expired", "account_refused_because"),
    ("breaker: the provider refuses the account (403)", "account_refused"),
    (
        "breaker: the provider refuses the account (7): no money (it says: after 60 s)",
        "asks_to_wait",
    ),
    ("import: Line 1: no column is named as the phone number ", "no_number_column"),
    ("import: The file is empty: ", "file_empty"),
    ("import: This is a PDF: ", "is_pdf"),
    ("row: phone_number: ", "field_wrong"),
    ("row: The row has no phone number: ", "number_missing"),
    ("stop list: wrote to smpp", "wrote_to"),
]


#: Breakers that the dump has none of: the accounts of its sandbox are accepted.
BREAKERS = [
    ("words", "the account is refused: 401: expired"),
    ("status", "the account is refused: HTTP 403"),
    ("wait", "the account is refused: 7: no money (it says: after 60 s)"),
]
OPEN_BREAKER = """
INSERT INTO public.dispatch_breaker (alias, state, openings, until, reason, changed_at)
VALUES (%s, 'open', 1, now(), %s, now())
"""


@pytest.fixture(scope="module")
def fresh_catalogue(django_db_setup: None, django_db_blocker: Any) -> list[tuple[Any, ...]]:
    """The tables, indexes and constraints that the migrations make in an empty database."""
    with django_db_blocker.unblock():
        return rows(CATALOGUE)


@pytest.fixture(scope="module")
def upgraded(
    fresh_catalogue: list[tuple[Any, ...]], django_db_blocker: Any
) -> Iterator[dict[str, int]]:
    """The database, upgraded and connected to; the number of rows of each table before it."""
    url = urlsplit(os.environ["DATABASE_URL"])
    ours = url._replace(path=f"/{DATABASE}").geturl()
    with psycopg.connect(url.geturl(), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        server.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        with psycopg.connect(ours) as restored:
            restored.execute(gzip.decompress(DUMP.read_bytes()))
            for alias, reason in BREAKERS:
                restored.execute(OPEN_BREAKER, [alias, reason])
        before = row_counts(ours)
        set_up(ours)
        with django_db_blocker.unblock(), connected_to(DATABASE):
            yield before
        server.execute(f"DROP DATABASE {DATABASE}")


def row_counts(url: str) -> dict[str, int]:
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with psycopg.connect(url) as reader:
        names = [name for (name,) in reader.execute(tables)]
        found = {}
        for name in names:
            row = reader.execute(f'SELECT count(*) FROM "{name}"').fetchone()
            found[name] = row[0] if row else 0
    return found


def set_up(url: str) -> None:
    """Run `vestnik setup`, as every upgrade does."""
    done = subprocess.run(
        [sys.executable, "-m", "vestnik", "setup"],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Let Django use another database, with nothing cached of its own one."""
    own = connection.settings_dict["NAME"]
    try:
        _switch(name)
        yield
    finally:
        _switch(own)


def _switch(name: str) -> None:
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = name
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


@pytest.fixture(scope="module")
def ask(upgraded: object) -> Ask:
    """Ask the API with the key that the release before has issued."""
    client = Client(headers={"authorization": f"Bearer {BEFORE['key']}"})

    def ask(path: str) -> Any:
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, (path, answer.content)
        return answer.json()

    return ask


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


@pytest.mark.parametrize("address", BEFORE["answers"])
def test_the_api_answers_all_that_it_answered_before(ask: Ask, address: str) -> None:
    assert not list(differences(BEFORE["answers"][address], all_pages(ask, address)))


def differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """Where an answer lacks something of the earlier one; it may have more fields."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before.keys() - set(MEASURED):
            yield from differences(before[name], now.get(name, "missing"), f"{where}.{name}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif before != now:
        yield f"{where}: {before!r} is now {now!r}"


def test_the_data_have_each_state(ask: Ask) -> None:
    """So that what the other tests compare is all that there can be."""
    statistics = ask("statistics/")
    assert all(statistics["mailings"].values()), statistics
    assert all(statistics["messages"].values()), statistics


def test_no_row_is_lost(upgraded: dict[str, int]) -> None:
    now = dict.fromkeys(upgraded, 0) | {
        name: rows(f'SELECT count(*) FROM "{name}"')[0][0] for name in upgraded
    }
    grown = {name for name in upgraded if now[name] != upgraded[name]}
    assert grown <= {"django_migrations", "django_content_type", "auth_permission", RANGES}, now


RANGES = "audience_numberrange"


def test_what_batches_count_is_what_their_messages_are(upgraded: object) -> None:
    kept, own = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    states = ("queued", "sent", "delivered", "undelivered", "failed", "unknown", "expired")
    states += ("cancelled", "suppressed")
    for state in states:
        for mailing, count in rows(
            f"SELECT mailing_id, sum({state}) FROM dispatch_batch GROUP BY 1"
        ):
            kept[mailing, state] += int(count)
    for mailing, state, count in rows(
        "SELECT mailing_id, state, count(*) FROM dispatch_message GROUP BY 1, 2"
    ):
        own[mailing, state] += count
    assert +kept == own


@pytest.mark.parametrize(("sentence", "code"), CODES)
def test_a_sentence_of_the_release_before_has_its_code(
    stored_reasons: dict[str, str], sentence: str, code: str
) -> None:
    found = {stored_reasons[text] for text in stored_reasons if text.startswith(sentence)}
    assert found == {code}


def test_no_sentence_of_the_release_before_is_without_a_code(
    stored_reasons: dict[str, str],
) -> None:
    expected = tuple(sentence for sentence, _ in CODES)
    assert [text for text, code in stored_reasons.items() if not code] == []
    assert [text for text in stored_reasons if not text.startswith(expected)] == []


@pytest.fixture(scope="module")
def stored_reasons(upgraded: object) -> dict[str, str]:
    """The code of each sentence that is stored."""
    found = {}
    for kind, sentence, data in rows(REASONS):
        data = json.loads(data) if isinstance(data, str) else data
        found[f"{kind}: {sentence}"] = data["code"] if data else ""
    return found


def test_the_tables_are_those_of_a_new_database(
    upgraded: object, fresh_catalogue: list[tuple[Any, ...]]
) -> None:
    assert [list(map(_written, row)) for row in rows(CATALOGUE)] == [
        list(map(_written, row)) for row in fresh_catalogue
    ]
    assert rows(INVALID) == []


def _written(definition: str | None) -> str:
    """A definition without casts and brackets, which a restored one has in other places."""
    return re.sub(r"::(text|character varying)(\[\])?|[() ]", "", definition or "")


PAGES = ("", "mailings/", "clients/", "stop-list/", "clients/import/", "clients/audiences/")


def test_the_pages_can_be_opened(ask: Ask) -> None:
    """Those of a mailing in each state, with its report, and of some clients."""
    browser = Client(headers={"accept-language": "ru"})
    browser.force_login(User.objects.get())
    one_of_each = {mailing["state"]: mailing["id"] for mailing in all_pages(ask, "mailings/")}
    addresses = [*PAGES, *(f"clients/{client['id']}/" for client in ask("clients/")["results"][:2])]
    for id in one_of_each.values():
        addresses += [f"mailings/{id}/", f"mailings/{id}/report/"]
    for address in addresses:
        assert browser.get(f"/{address}").status_code in (200, 302), address

"""A large import is quick also where the planner believes its table empty.

Autovacuum sees none of the rows of an import that was killed or still runs. The planner then
expected no row, and each row of the file was compared with each row of the table.
"""

from contextlib import suppress

import pytest
from django.db import connection, models, transaction

from tests.audience.import_files import counts, take
from vestnik.audience.imports import Into
from vestnik.audience.models import Client
from vestnik.audience.stop_list import StopListEntry
from vestnik.db import sql

ROWS = 20_000
NUMBERS = [f"79{n:09}" for n in range(ROWS)]


class Killed(Exception):
    """End a transaction as a killed process does."""


def roll_back(rows: list[models.Model]) -> None:
    """Insert rows that are never committed, and analyze their table."""
    table = type(rows[0])._meta.db_table
    with suppress(Killed), transaction.atomic():
        type(rows[0])._default_manager.bulk_create(rows)
        raise Killed
    sql.run(f"ANALYZE {table}")
    assert expected_rows(table) == 0


def expected_rows(table: str) -> float:
    """Return how many rows of a table the planner expects."""
    return float(sql.value("SELECT reltuples FROM pg_class WHERE relname = %s", [table]))


def clients() -> list[models.Model]:
    return [Client(phone_number=number, operator_code="900") for number in NUMBERS]


def entries() -> list[models.Model]:
    return [StopListEntry(phone_number=n, phone_hash=f"{n:>064}") for n in NUMBERS]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("rows", "into", "again"),
    [
        (clients, Into.CLIENTS, {"updated": ROWS}),
        (entries, Into.STOP_LIST, {"unchanged": ROWS}),
    ],
)
def test_an_import_and_its_repetition_end(rows, into, again) -> None:
    made = rows()
    roll_back(made)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20s'")  # it took minutes
        try:
            for tag, outcome in (("vip", {"created": ROWS}), ("few", again)):
                lines = "".join(f"{number};{tag}\n" for number in NUMBERS)
                job = take(f"phone;tag\n{lines}".encode(), into=into)
                assert counts(job) == {"rows": ROWS} | outcome
                assert expected_rows(made[0]._meta.db_table) == ROWS
        finally:
            cursor.execute("RESET statement_timeout")

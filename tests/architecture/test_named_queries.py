"""Each named statement can be prepared by the migrated database, and moves are in one place."""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from psycopg.pq import ExecStatus, PGresult

from tests.architecture.named_queries import (
    PRODUCT,
    modules,
    named_queries,
    numbered,
    runs,
)
from vestnik.audience.importing import staging, take_over
from vestnik.db import sql
from vestnik.dispatch.states import BatchState, MessageState
from vestnik.mailings.models import MailingState

QUERIES = named_queries()
#: Completed when they run, by what only then is known: an audience, a text, a table.
COMPLETED = {
    "dashboard.audience_builder.suggestions.DISTINCT",
    "db.backfill.READ_ROWS",
    "db.backfill.WRITE",
    "mailings.rendering_sql.PLAIN",
    "mailings.rendering_sql.RENDERED",
    "reports.mailing.preview.COUNT",
    "reports.timeline.samples.BY_HOUR",
}
#: An import's own tables, which exist while it runs.
OF_AN_IMPORT = (staging.STAGE, take_over.UNIQUE)
#: Functions that run such a one, or one that is given to them by its name.
GIVEN = {
    "dispatch.prepare.enlist:_freeze",
    "dispatch.prepare.enlist:_enlist",
    "dispatch.prepare.local_hours:_schedule",
    "dispatch.prepare.new_text:_render",
    "dispatch.prepare.recipients:sample_messages",
    "dispatch.reconcile.unknown_messages:resolve_slice",
    "dispatch.suppress.revocation:revoke",
}
#: Functions that read the names of the columns themselves.
BY_COLUMNS = {"dispatch.record.claims:claim"}

STATES = {*MessageState.values, *BatchState.values, *MailingState.values}
A_STATE = re.compile(rf"'({'|'.join(STATES)})'")
MOVES_ROWS = re.compile(
    r"UPDATE dispatch_(message|batch)\b(?:(?!\b(?:FROM|WHERE)\b).)*?(?<![.\w])state = "
    r"|INSERT INTO dispatch_(message|batch)\b",
    re.DOTALL,
)


def prepare(statement: str) -> PGresult:
    """Have the database parse and analyse it; what it answers then."""
    with connection.cursor() as cursor:
        server = cursor.connection.pgconn
        prepared = server.prepare(b"", numbered(statement).encode())
        assert prepared.status == ExecStatus.COMMAND_OK, prepared.error_message.decode()
        described: PGresult = server.describe_prepared(b"")
        return described


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(QUERIES.keys() - COMPLETED))
def test_the_database_prepares_it(name: str) -> None:
    if name.startswith(("audience.importing.take_over.", "audience.importing.into_directory.")):
        for statement in OF_AN_IMPORT:
            sql.run(statement)
    prepare(QUERIES[name])


def test_what_is_completed_later_is_not_whole() -> None:
    """A statement leaves the list once it can be prepared."""
    assert QUERIES.keys() >= COMPLETED
    assert all(re.search(r"\{\w+\}", QUERIES[name]) for name in COMPLETED)


def test_the_pipeline_runs_named_statements_only() -> None:
    called = {run.caller for run in runs(("dispatch",)) if run.constant is None}
    assert called == GIVEN
    assert len(QUERIES) > 100


@pytest.mark.django_db
def test_rows_of_more_than_three_columns_are_read_by_name() -> None:
    statements: dict[str, Any] = {
        f"{run.caller} {run.constant}": getattr(
            import_module(f"vestnik.{run.module}"), run.constant, ""
        )
        for run in runs(("dispatch",))
        if run.constant and not run.by_name and run.caller not in BY_COLUMNS
    }
    assert len(statements) > 20
    for name, value in statements.items():
        for statement in value.values() if isinstance(value, Mapping) else [value]:
            assert prepare(statement).nfields <= 3, name


def test_moves_of_messages_and_batches_are_in_one_folder() -> None:
    moving = {name for name, text in QUERIES.items() if MOVES_ROWS.search(text)}

    assert len(moving) > 15
    assert {name.rsplit(".", 2)[0] for name in moving} == {"dispatch.transitions"}


def test_statements_take_the_names_of_states_from_one_place() -> None:
    """Black writes strings of Python in double quotes: in single ones it is one of SQL."""
    written = {
        f"{path.relative_to(PRODUCT)}: {found[0]}"
        for path in modules(("dispatch",))
        for found in A_STATE.finditer(path.read_text())
    }
    assert written == set()


def test_no_statement_compares_a_state_with_a_literal() -> None:
    literals = re.compile(r"\bstate (?:=|<>|IN|in|NOT IN) \(?'[a-z]")
    written = {
        f"{path.relative_to(PRODUCT)}: {found[0]}"
        for path in PRODUCT.rglob("*.py")
        if "migrations" not in path.parts
        for found in literals.finditer(path.read_text())
    }
    assert written == set()


def test_parameters_are_numbered_as_they_are_prepared() -> None:
    assert numbered("SELECT %(a)s, %(b)s, %(a)s, '%%'") == "SELECT $1, $2, $1, '%'"
    assert numbered("SELECT %s, %s") == "SELECT $1, $2"

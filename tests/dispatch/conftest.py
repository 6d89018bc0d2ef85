"""Fixtures of the pipeline's tests: triggers refuse moves that the table of moves does not list."""

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from vestnik.dispatch.states import BATCH_MOVES, MESSAGE_MOVES, Move, allowed

REFUSE = """
CREATE OR REPLACE FUNCTION {table}_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state || '>' || NEW.state <> ALL ({pairs}::text[]) THEN
        RAISE EXCEPTION '{table}: % must not become %', OLD.state, NEW.state;
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER moves AFTER UPDATE OF state ON {table}
FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION {table}_moves();
"""
MACHINES: dict[str, tuple[Move, ...]] = {
    "dispatch_message": MESSAGE_MOVES,
    "dispatch_batch": BATCH_MOVES,
}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Builders may insert rows in any state; only changes by the product are checked."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table, moves in MACHINES.items():
            pairs = ",".join(f"{was}>{now}" for was, now in allowed(moves))
            cursor.execute(REFUSE.format(table=table, pairs="'{" + pairs + "}'"))

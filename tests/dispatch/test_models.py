"""The previous version and this one share the tables while both run."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from vestnik.dispatch.models import EnlistmentCursor, UnmatchedReceipt

#: Renamed models, with the table that the previous version reads.
RENAMED = {UnmatchedReceipt: "dispatch_keptreceipt", EnlistmentCursor: "dispatch_enlistment"}


def test_a_model_with_another_name_keeps_its_table() -> None:
    assert {model: model._meta.db_table for model in RENAMED} == RENAMED


@pytest.mark.django_db
def test_other_names_of_models_send_no_statement_to_the_database() -> None:
    loader = MigrationLoader(connection)
    plan = [(loader.get_migration("dispatch", "0013_model_names"), False)]

    statements = loader.collect_sql(plan)

    assert [line for line in statements if line and not line.startswith("--")] in (
        [],
        ["BEGIN;", "COMMIT;"],
    )

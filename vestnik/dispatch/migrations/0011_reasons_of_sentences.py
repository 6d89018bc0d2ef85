from typing import Any

from django.db import migrations

from vestnik.db.backfill import convert
from vestnik.mailings.migrations._sentences import stored_as


def give_codes(apps: Any, schema_editor: Any) -> None:
    """Stored sentences get their codes; workers of the version before may run meanwhile."""
    connection = schema_editor.connection
    convert(connection, "dispatch_message", "error", "reason", read=stored_as)
    convert(connection, "dispatch_keptreceipt", "error", "reason", read=stored_as)
    with connection.cursor() as cursor:
        cursor.execute("SELECT alias, reason FROM dispatch_breaker WHERE reason <> ''")
        for alias, sentence in cursor.fetchall():
            cursor.execute(
                "UPDATE dispatch_breaker SET reason_details = %s::jsonb "
                "WHERE alias = %s AND reason = %s",
                [stored_as(sentence), alias, sentence],
            )


class Migration(migrations.Migration):
    """Some thousand rows a transaction."""

    atomic = False

    dependencies = [("dispatch", "0010_reasons"), ("mailings", "0008_reasons_of_sentences")]

    operations = [migrations.RunPython(give_codes, migrations.RunPython.noop)]

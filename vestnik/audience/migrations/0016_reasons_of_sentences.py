import json
from typing import Any

from django.db import migrations

from vestnik.audience.migrations._sentences import data_of, stored_as
from vestnik.db.backfill import convert


def give_codes(apps: Any, schema_editor: Any) -> None:
    """Stored sentences get their codes; workers of the version before may run meanwhile."""
    connection = schema_editor.connection
    convert(connection, "audience_import", "error", "reason", read=stored_as)
    convert(connection, "audience_refusedrow", "reason", "reason_details", read=stored_as)
    convert(
        connection,
        "audience_stoplistentry",
        "reason",
        "reason_details",
        read=stored_as,
        which="source = 'inbound'",
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, remarks::text FROM audience_import WHERE remarks <> '[]'")
        for id, kept in cursor.fetchall():
            cursor.execute(
                "UPDATE audience_import SET remarks = %s::jsonb WHERE id = %s AND remarks = %s::jsonb",
                [json.dumps(with_codes(json.loads(kept))), id, kept],
            )


def with_codes(remarks: Any) -> Any:
    """The remarks, each with the code of its reason where that is known."""
    if not isinstance(remarks, list):
        return remarks
    return [
        (
            {"reason_details": data_of(one["reason"]), **one}
            if isinstance(one, dict) and isinstance(one.get("reason"), str)
            else one
        )
        for one in remarks
    ]


class Migration(migrations.Migration):
    """Some thousand rows a transaction."""

    atomic = False

    dependencies = [("audience", "0015_reasons")]

    operations = [migrations.RunPython(give_codes, migrations.RunPython.noop)]

from typing import Any

from django.db import migrations

from vestnik.db.backfill import convert
from vestnik.mailings.migrations._sentences import fields_as, stored_as


def give_codes(apps: Any, schema_editor: Any) -> None:
    """Stored sentences get their codes; workers of the version before may run meanwhile."""
    connection = schema_editor.connection
    events, columns = "mailings_mailingevent", ("reason", "reason_details")
    convert(connection, "mailings_mailing", "state_reason", "reason", read=stored_as)
    convert(connection, events, *columns, which="event = 'change'", read=fields_as)
    convert(connection, events, *columns, which="event <> 'change'", read=stored_as)


class Migration(migrations.Migration):
    """Some thousand rows a transaction."""

    atomic = False

    dependencies = [("mailings", "0007_reasons")]

    operations = [migrations.RunPython(give_codes, migrations.RunPython.noop)]

from django.db import migrations, models

from vestnik.audience.stop_list import CurrentTransaction
from vestnik.db.operations import AddIndexAnew


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audience", "0013_misfits")]

    operations = [
        # The default comes after the column: existing entries get none, and the table is not
        # written anew.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE audience_stoplistentry ADD COLUMN IF NOT EXISTS changed_in bigint",
                    "ALTER TABLE audience_stoplistentry DROP COLUMN changed_in",
                ),
                migrations.RunSQL(
                    "ALTER TABLE audience_stoplistentry ALTER COLUMN changed_in"
                    " SET DEFAULT (pg_current_xact_id()::text)::bigint",
                    migrations.RunSQL.noop,
                ),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="stoplistentry",
                    name="changed_in",
                    field=models.BigIntegerField(
                        db_default=CurrentTransaction(), editable=False, null=True
                    ),
                ),
            ],
        ),
        AddIndexAnew(
            model_name="stoplistentry",
            index=models.Index(fields=["changed_in"], name="stoplist_changed_in"),
        ),
    ]

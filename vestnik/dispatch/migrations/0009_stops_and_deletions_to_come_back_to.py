from django.db import migrations, models

from vestnik.dispatch.models import CurrentSnapshot


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0008_stop_list_cursor")]

    operations = [
        # The default comes after the column: of mailings that are under way nobody knows.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE dispatch_enlistment ADD COLUMN stop_list_seen text",
                    "ALTER TABLE dispatch_enlistment DROP COLUMN stop_list_seen",
                ),
                migrations.RunSQL(
                    "ALTER TABLE dispatch_enlistment ALTER COLUMN stop_list_seen"
                    " SET DEFAULT (pg_current_snapshot()::text)",
                    migrations.RunSQL.noop,
                ),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="enlistment",
                    name="stop_list_seen",
                    field=models.TextField(db_default=CurrentSnapshot(), null=True),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DeletedClient",
            fields=[("client_id", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.CreateModel(
            name="PendingStop",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone_number", models.CharField(max_length=11)),
                ("source", models.CharField(max_length=7)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
            ],
        ),
    ]

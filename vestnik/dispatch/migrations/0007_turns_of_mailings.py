import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("dispatch", "0006_audience_at_one_instant"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailingTurn",
            fields=[
                (
                    "mailing",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="mailings.mailing",
                    ),
                ),
                ("virtual_time", models.FloatField()),
                ("turn", models.BigIntegerField()),
                ("served", models.BigIntegerField()),
            ],
        ),
        # Its rows are updated many times a second: no index but the key, and room in the page.
        migrations.RunSQL(
            "ALTER TABLE dispatch_mailingturn SET (fillfactor = 20)", migrations.RunSQL.noop
        ),
        # Never goes back, unlike a clock.
        migrations.RunSQL("CREATE SEQUENCE dispatch_turn", "DROP SEQUENCE dispatch_turn"),
        migrations.RemoveIndex(model_name="batch", name="batch_ready"),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("state", "ready")),
                fields=["mailing", "open_until", "number"],
                name="batch_next",
            ),
        ),
    ]

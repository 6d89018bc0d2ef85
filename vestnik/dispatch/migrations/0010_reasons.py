from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns that are null at first: no row is written."""

    dependencies = [("dispatch", "0009_stops_and_deletions_to_come_back_to")]

    operations = [
        migrations.AddField("message", "reason", models.JSONField(null=True)),
        migrations.AddField("keptreceipt", "reason", models.JSONField(null=True)),
        migrations.AddField("breaker", "reason_details", models.JSONField(null=True)),
    ]

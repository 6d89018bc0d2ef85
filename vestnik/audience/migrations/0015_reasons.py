from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audience", "0014_when_a_number_was_stopped")]

    operations = [
        migrations.AddField("import", "reason", models.JSONField(null=True)),
        migrations.AddField("refusedrow", "reason_details", models.JSONField(null=True)),
        migrations.AddField(
            "stoplistentry", "reason_details", models.JSONField(editable=False, null=True)
        ),
    ]

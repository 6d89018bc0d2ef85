from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailings", "0006_versions_of_a_text")]

    operations = [
        migrations.AddField("mailing", "reason", models.JSONField(editable=False, null=True)),
        migrations.AddField("mailingevent", "reason_details", models.JSONField(null=True)),
    ]

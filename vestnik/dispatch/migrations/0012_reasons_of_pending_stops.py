from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0011_reasons_of_sentences")]

    operations = [
        migrations.AddField("pendingstop", "reason_details", models.JSONField(null=True)),
    ]

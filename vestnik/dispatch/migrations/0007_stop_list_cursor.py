from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0006_audience_at_one_instant")]

    operations = [
        migrations.AddField(
            model_name="enlistment",
            name="stop_list_cursor",
            field=models.BigIntegerField(null=True),
        ),
    ]

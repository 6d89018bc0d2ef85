from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0007_turns_of_mailings")]

    operations = [
        migrations.AddField(
            model_name="enlistment",
            name="stop_list_cursor",
            field=models.BigIntegerField(null=True),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("dashboard", "0001_submissions")]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="content",
            field=models.CharField(default="", db_default="", max_length=64),
        ),
    ]

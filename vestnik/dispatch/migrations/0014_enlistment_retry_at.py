from django.db import migrations, models


class Migration(migrations.Migration):
    """When a mailing whose audience could not be enlisted is tried again."""

    dependencies = [("dispatch", "0013_model_names")]

    operations = [
        migrations.AddField("enlistmentcursor", "retry_at", models.DateTimeField(null=True))
    ]

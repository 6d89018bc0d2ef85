import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audience", "0006_drafts_and_pages")]

    operations = [
        migrations.AddField(
            model_name="import",
            name="erased",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64), db_default=[], default=list, size=None
            ),
        ),
    ]

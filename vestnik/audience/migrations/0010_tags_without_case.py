import django.db.models.functions.text
from django.db import migrations, models

from vestnik.db.operations import AddIndexAnew


class Migration(migrations.Migration):
    """The directory is in use meanwhile: the index is made beside it."""

    atomic = False

    dependencies = [("audience", "0009_numbers_without_sms")]

    operations = [
        AddIndexAnew(
            model_name="client",
            index=models.Index(
                django.db.models.functions.text.Lower("tag"), name="client_tag_lower"
            ),
        )
    ]

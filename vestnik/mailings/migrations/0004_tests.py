from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailings", "0003_local_hours")]

    operations = [
        migrations.AddField(
            model_name="mailing",
            name="is_test",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]

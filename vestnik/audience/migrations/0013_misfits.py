from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("audience", "0012_attribute_types"),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="misfits",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="import",
            name="remarks",
            field=models.JSONField(db_default=[], default=list),
        ),
    ]

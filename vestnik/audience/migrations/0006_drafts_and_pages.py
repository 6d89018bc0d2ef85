from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("audience", "0005_stop_list_by_age"),
    ]

    operations = [
        migrations.AlterField(
            model_name="import",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("waiting", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                ],
                default="waiting",
                max_length=7,
            ),
        ),
        migrations.AlterField(
            model_name="stoplistentry",
            name="source",
            field=models.CharField(
                choices=[
                    ("api", "API"),
                    ("pages", "The operator's pages"),
                    ("import", "Import"),
                    ("inbound", "The subscriber's own message"),
                ],
                max_length=7,
            ),
        ),
    ]

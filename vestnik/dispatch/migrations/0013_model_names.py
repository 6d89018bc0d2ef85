from django.db import migrations


class Migration(migrations.Migration):
    """Two models get other names. The tables keep theirs: the version before reads them."""

    dependencies = [("dispatch", "0012_reasons_of_pending_stops")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("KeptReceipt", "UnmatchedReceipt"),
                migrations.AlterModelTable("unmatchedreceipt", "dispatch_keptreceipt"),
                migrations.RenameModel("Enlistment", "EnlistmentCursor"),
                migrations.AlterModelTable("enlistmentcursor", "dispatch_enlistment"),
            ]
        )
    ]

"""Operations of migrations that may be broken off and begun anew."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently

from vestnik.db.sessions import LOCK_TIMEOUT

#: Whether an index of that name can be used: PostgreSQL leaves an invalid one where it was broken
#: off, by a kill, a deadlock or a lost connection.
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
SETTING = "SELECT current_setting(%s)"
SET = "SELECT set_config(%s, %s, false)"


class AddIndexAnew(AddIndexConcurrently):
    """Add an index concurrently; what an earlier try has left of it is replaced or used.

    It waits for all older transactions, however long they take: nobody waits for it meanwhile.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        name = schema_editor.quote_name(self.index.name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(IS_VALID, [name])
            found = cursor.fetchone()
            if found == (True,):
                return
            cursor.execute(SETTING, [LOCK_TIMEOUT])
            (before,) = cursor.fetchone()
            cursor.execute(SET, [LOCK_TIMEOUT, "0"])
            if found:
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            cursor.execute(SET, [LOCK_TIMEOUT, before])

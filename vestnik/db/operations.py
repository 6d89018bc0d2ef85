"""Operations of migrations that can be interrupted and run again."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently

from vestnik.db.sessions import LOCK_TIMEOUT

#: Whether an index exists and is valid. PostgreSQL leaves an invalid index if CREATE INDEX
#: CONCURRENTLY is interrupted by a kill, a deadlock or a lost connection.
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
SETTING = "SELECT current_setting(%s)"
SET = "SELECT set_config(%s, %s, false)"


class AddIndexAnew(AddIndexConcurrently):
    """Add an index concurrently; a valid index is kept, an invalid one of an earlier try is
    replaced.

    The lock timeout is off: the statement waits for all older transactions, and no other session
    waits for it meanwhile.
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

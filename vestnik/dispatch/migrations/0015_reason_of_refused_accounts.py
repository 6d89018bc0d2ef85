import re
from typing import Any

from django.db import migrations

from vestnik.mailings.migrations._sentences import stored_as

#: The release before: `the account is refused: HTTP 403: no money (it says: after 60 s)`.
BEFORE = re.compile(
    r"the account is refused: (?:HTTP )?(?P<code>[^:()]+)(?P<reason>: .+?)?"
    r"(?P<pause> \(it says: after [\d.]+ s\))?",
    re.DOTALL,
)
STORED = "SELECT alias, reason FROM dispatch_breaker WHERE reason LIKE 'the account is refused: %'"
UPDATE = """
UPDATE dispatch_breaker SET reason = %s, reason_details = %s::jsonb
WHERE alias = %s AND reason = %s
"""


def say_as_now(sentence: str) -> str:
    """Return the sentence of a refused account as this version stores it."""
    match = BEFORE.fullmatch(sentence.strip())
    if match is None:
        return sentence
    code, reason, pause = (part or "" for part in match.group("code", "reason", "pause"))
    return f"the provider refuses the account ({code}){reason}{pause}"


def give_codes(apps: Any, schema_editor: Any) -> None:
    """Store the reason of breakers that a refused account has opened with its code."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(STORED)
        for alias, sentence in cursor.fetchall():
            said_now = say_as_now(sentence)
            cursor.execute(UPDATE, [said_now, stored_as(said_now), alias, sentence])


class Migration(migrations.Migration):
    """A breaker is open for minutes at most, and the text of another version is shown as it is."""

    dependencies = [("dispatch", "0014_enlistment_retry_at")]

    operations = [migrations.RunPython(give_codes, migrations.RunPython.noop)]

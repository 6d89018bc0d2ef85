"""The database after a test that commits: emptied, by one statement, of the rows that it has.

Django truncates every table and announces a migration after each such test, which takes longer than
most of them. Here the tables that hold rows are truncated, with those that refer to them, and what
a migration announces and no test changes (content types, permissions) stays.
"""

from functools import cache

from django.db import connection
from django.test import TransactionTestCase

KEPT = ("django_migrations", "django_content_type", "auth_permission")


@cache
def _which_hold_rows() -> str:
    """The query for the names of the tables that hold rows."""
    names = [name for name in connection.introspection.table_names() if name not in KEPT]
    quote = connection.ops.quote_name
    return " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT FROM {quote(name)})" for name in sorted(names)
    )


def flush() -> None:
    """Truncate the tables that hold rows. Sequences go on."""
    with connection.cursor() as cursor:
        cursor.execute(_which_hold_rows())
        names = [connection.ops.quote_name(name) for (name,) in cursor.fetchall()]
        if names:
            cursor.execute(f"TRUNCATE {', '.join(names)} CASCADE")


def use() -> None:
    """Empty the database so after each test that commits."""
    case = TransactionTestCase
    case._fixture_teardown = lambda self: flush()  # type: ignore[method-assign]  # no setting

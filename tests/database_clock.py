"""The database's clock stands still for the rest of a test's transaction."""

from datetime import datetime

from vestnik.db import sql
from vestnik.mailings.window import database_now

# A function that is found before the real one.
STOPPED = """
CREATE SCHEMA stopped;
CREATE FUNCTION stopped.clock_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS $$ SELECT '{}'::timestamptz $$;
SET LOCAL search_path = stopped, pg_catalog, public
"""


def stop_database_clock() -> datetime:
    """Stop it now; return the time that it says from then on."""
    now = database_now()
    sql.run(STOPPED.format(now.isoformat()))
    return now

"""`vestnik setup`: migrates a database, and creates the first account in an empty one."""

import logging
import re
import secrets
import time
from collections.abc import Sequence
from io import TextIOBase

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from psycopg.errors import DeadlockDetected, LockNotAvailable

from vestnik import env
from vestnik.access.models import ApiKey, User
from vestnik.access.roles import Role
from vestnik.audience.numbering.register import load_shipped
from vestnik.db import sessions
from vestnik.db.lock_ids import SETUP_LOCK
from vestnik.db.session_locks import session_timeouts
from vestnik.stack import home as homes
from vestnik.stack import wait_for
from vestnik.stack.demo import create_demo
from vestnik.stack.errors import StackError

log = logging.getLogger(__name__)

UNLOCK = "SELECT pg_advisory_unlock(%s)"

FIRST_ACCOUNT = "admin"
FIRST_KEY = "first key"
#: Seconds after which the lock of a frozen container, or of one whose host is gone, ends.
SILENT_SECONDS = 300.0
#: Seconds between two attempts to take the lock of setups.
SECONDS_BETWEEN_TRIES = 0.25
#: Seconds that a migration waits for a table, while other sessions wait behind it; and seconds
#: before its next attempt, in which they can work.
LOCK_SECONDS, SECONDS_BETWEEN_MIGRATIONS = 1.0, 3.0


def set_up(*, demo: bool, seconds: float) -> None:
    """Check, migrate, and fill an empty database."""
    # The fork server has set the time limits of the web, and a migration may take longer.
    sessions.limit(idle=sessions.IDLE_SECONDS)
    refuse_mistakes()
    wait_for.for_connection(seconds)
    refuse_forgetful_database()
    refuse_newer_database()
    with connection.cursor() as cursor, session_timeouts(SILENT_SECONDS):
        with wait_for.report_while(lambda: "waiting for another `vestnik setup` to finish"):
            _take_lock(cursor)
        try:
            if wait_for.has_pending_migrations():
                migrate(cursor)
            load_shipped()
            if create_first_account() and demo:
                create_demo()
        finally:
            cursor.execute(UNLOCK, [SETUP_LOCK])
    wait_for.close_connections()


def _take_lock(cursor: CursorWrapper) -> None:
    """Wait for other setups by repeated attempts.

    A waiting statement would hold a snapshot, and CREATE INDEX CONCURRENTLY of the other setup
    waits for all older snapshots: a deadlock.
    """
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SETUP_LOCK])
        if cursor.fetchone() == (True,):
            return
        time.sleep(SECONDS_BETWEEN_TRIES)


def migrate(cursor: CursorWrapper) -> None:
    """Migrate the database, and report a migration that takes long.

    While a migration waits for a table that another session reads for long (a backup, for example),
    all further sessions wait behind it. So it gives up after LOCK_SECONDS and tries again. Between
    two attempts other setups have the lock: one of an earlier release waits for it in a statement,
    for whose snapshot CREATE INDEX CONCURRENTLY waits, which is a deadlock.
    """
    steps = Steps()
    with wait_for.report_while(
        lambda: f"migrating ({steps.current}): do not interrupt it, or it starts again"
    ):
        while not _has_migrated(steps):
            steps.current = f"{steps.last}, which waits for a table that another session uses"
            cursor.execute(UNLOCK, [SETUP_LOCK])
            time.sleep(SECONDS_BETWEEN_MIGRATIONS)
            _take_lock(cursor)


def _has_migrated(steps: "Steps") -> bool:
    """Apply the migrations; return False if one did not get its lock."""
    try:
        with session_timeouts(SILENT_SECONDS, lock_seconds=LOCK_SECONDS):
            call_command("migrate", interactive=False, verbosity=1, no_color=True, stdout=steps)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
            return False
        raise
    return True


class Steps(TextIOBase):
    """The output of Django's migrate, reduced to the current step."""

    current = last = "looking"

    def write(self, text: str) -> int:
        """Store the name of the migration from `  Applying audience.0007_x... OK`."""
        if found := re.search(r"Applying (\S+?)\.\.\.", text):
            self.current = self.last = found[1]
        return len(text)


def refuse_mistakes() -> None:
    """Raise ImproperlyConfigured for invalid settings; log warnings of others."""
    found = checks.run_checks()
    _refuse(found, ImproperlyConfigured)
    for warning in found:
        log.warning("%s %s (%s)", warning.msg, warning.hint or "", warning.id)


def refuse_forgetful_database() -> None:
    """Raise StackError for a database that may lose committed data."""
    found = checks.run_checks(tags=[checks.Tags.database], databases=[DEFAULT_DB_ALIAS])
    _refuse(found, StackError)


def refuse_newer_database() -> None:
    """Raise StackError for a database that a newer Vestnik has migrated."""
    loader = MigrationLoader(connection)
    ours = {label for label, _name in loader.disk_migrations}
    known = {*loader.disk_migrations, *loader.replacements}
    newer = sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations or ()
        if app in ours and (app, name) not in known
    )
    if newer:
        raise StackError(
            f"the database was migrated by a newer Vestnik ({newer[-1]}): start that version, or "
            "restore a backup of this version"
        )


def _refuse(found: Sequence[checks.CheckMessage], kind: type[Exception]) -> None:
    for mistake in found:
        if mistake.is_serious():
            hint = f" {mistake.hint}" if mistake.hint else ""
            raise kind(f"{mistake.msg}{hint} ({mistake.id})")


def create_first_account() -> bool:
    """Create an administrator and an API key if there is no user; write them into the home.

    The file is written within the transaction: an account without its password is useless.
    """
    if User.objects.exists():
        return False
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        User.objects.create_superuser(FIRST_ACCOUNT, password=password)
        _, key = ApiKey.objects.issue(name=FIRST_KEY, role=Role.ADMIN)
        home = homes.open_home(env.home())
        homes.write_private(
            home.credentials, f"username={FIRST_ACCOUNT}\npassword={password}\napi_key={key}"
        )
    return True

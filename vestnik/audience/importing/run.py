"""An import from its file to its end."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import IO

import structlog
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    connection,
    connections,
    transaction,
)
from django.db.models.functions import Now

from vestnik.audience.importing import formats, staging
from vestnik.audience.importing.columns.column_types import column_types
from vestnik.audience.importing.columns.header import plan
from vestnik.audience.importing.columns.header_row import Table
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.limits import TOO_MUCH
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.importing.rows import Reader, Refused
from vestnik.audience.imports import Import, ImportState, Into
from vestnik.audience.phone import ACCEPT, NumberRules
from vestnik.db.errors import retry_on_conflict
from vestnik.db.lock_ids import IMPORT_LOCK
from vestnik.db.session_locks import session_timeouts
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

STAGED_AT_ONCE = 5_000
MOST_ATTEMPTS = 3
#: A reader says something to the database every few thousand rows: one that is silent for so long
#: is frozen or gone, and another may begin anew.
SILENT_SECONDS = 120.0
STOPPED = Reason(Code.IMPORT_STOPPED)
GIVEN_UP = Reason(Code.IMPORT_GIVEN_UP)

Watcher = Callable[[int, int], None]


def ignore_progress(_rows: int, _percent: int) -> None:
    """Watches nothing."""


def options_of(given: dict[str, object]) -> Options:
    """As they are kept with the import."""
    return Options(**given)  # type: ignore[arg-type]  # as it was stored


@contextmanager
def hold_reading_lock(import_id: int) -> Iterator[bool]:
    """Whether nobody else reads this import while the block runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [IMPORT_LOCK, import_id])
        (alone,) = cursor.fetchone()
        if not alone:
            yield False
            return
        try:
            with session_timeouts(SILENT_SECONDS):
                yield True
        finally:
            if connection.connection is not None and not connection.connection.closed:
                with connection.cursor() as anew:  # it may be another session by now
                    anew.execute("SELECT pg_advisory_unlock(%s, %s)", [IMPORT_LOCK, import_id])


def run(job: Import, file: IO[bytes], watch: Watcher = ignore_progress) -> Import:
    """Read the file and take it over; what is wrong with it is said in the import."""
    Import.objects.filter(id=job.id).update(
        state=ImportState.RUNNING,
        attempts=job.attempts + 1,
        started_at=Now(),
        error="",
        reason=None,
    )
    try:
        staging.begin()
        _stage(job, file, watch)
        _finish(job)
    except FileProblem as error:
        fail(job, error.reason)
    except MemoryError:
        fail(job, TOO_MUCH)
    finally:
        _drop_staged()
    job.refresh_from_db()
    log.info("import ended", id=job.id, state=job.state, rows=job.rows, refused=job.refused)
    return job


@contextmanager
def begun(**fields: object) -> Iterator[Import]:
    """An import whose file this process reads itself, as `run` does.

    It is locked before anybody can see it: one without its lock is taken for abandoned. Whatever
    ends the block ends the import; what was taken over by then stays taken.
    """
    with ExitStack() as held:
        with transaction.atomic():
            job = Import.objects.create(stored=False, **fields)
            held.enter_context(hold_reading_lock(job.id))
        try:
            yield job
        except BaseException:
            _end(job)
            raise


def _end(job: Import) -> None:
    """End an import that was stopped. What it did just then may have taken its connection along."""
    try:
        fail(job, STOPPED)
    except (DatabaseError, InterfaceError):
        _connect_anew()
        fail(job, STOPPED)
    job.refresh_from_db()


def _drop_staged() -> None:
    """What cannot be dropped goes with its session."""
    try:
        staging.end()
    except (DatabaseError, InterfaceError):
        _connect_anew()


def _connect_anew() -> None:
    """An interrupt may leave the session in mid-statement, and Django in a transaction."""
    connection.close()
    del connections[DEFAULT_DB_ALIAS]


def fail(job: Import, why: Reason) -> None:
    """End it: nothing of it was taken. One that has ended stays as it is."""
    why = why.fit()
    with transaction.atomic():
        Import.objects.filter(id=job.id).exclude(state=ImportState.DONE).update(
            state=ImportState.FAILED,
            error=str(why),
            reason=why.data,
            finished_at=Now(),
            erased=[],
        )
        job.pieces.all().delete()


@retry_on_conflict
def _finish(job: Import) -> None:
    with transaction.atomic():
        counts = staging.take_over(job.id, job.into)
        job.pieces.all().delete()
        Import.objects.filter(id=job.id).update(
            state=ImportState.DONE,
            percent=100,
            error="",
            reason=None,
            finished_at=Now(),
            erased=[],
            **asdict(counts),
        )


def _stage(job: Import, file: IO[bytes], watch: Watcher) -> None:
    progress, staged, rows = Progress(), [], 0
    options = options_of(job.options)
    found = formats.open_file(file, options, progress)
    if found.problem:
        raise FileProblem(found.problem)
    Import.objects.filter(id=job.id).update(read_as=_read_as(found))
    for row in staged_rows(found.table, options, job.into):
        staged.append(row)
        if len(staged) == STAGED_AT_ONCE:
            staging.stage(staged)
            rows += len(staged)
            staged.clear()
            _tell(job, rows, progress.percent, watch)
    staging.stage(staged)
    _tell(job, rows + len(staged), 99, watch)


def _read_as(found: formats.OpenedFile) -> dict[str, object]:
    return {
        "encoding": found.encoding,
        "separator": found.separator,
        "sheets": [sheet.name for sheet in found.sheets if sheet.is_read],
        "unread_sheets": [sheet.name for sheet in found.sheets if not sheet.is_read],
        "header_line": found.table.header_line,
    }


def _tell(job: Import, rows: int, percent: int, watch: Watcher) -> None:
    watch(rows, percent)
    if rows % (10 * STAGED_AT_ONCE) == 0 or percent == 99:
        Import.objects.filter(id=job.id).update(rows=rows, percent=percent)


def numbers_taken(options: Options, into: str) -> NumberRules:
    """Which numbers are taken. Any may be stopped; else the deployment has its own rule."""
    without_sms = options.numbers_without_sms or settings.NUMBERS_WITHOUT_SMS
    return NumberRules(
        options.numbers_without_code, without_sms if into == Into.CLIENTS else ACCEPT
    )


def staged_rows(table: Table, options: Options, into: str) -> Iterator[staging.Staged]:
    """Each row that is no header, good or refused."""
    _refuse_headless(table)
    columns = plan(table.names, options.mapping, into, table.header_line)
    types = column_types(table, columns, options) if into == Into.CLIENTS else {}
    reader = Reader(columns, numbers_taken(options, into), types)
    read = reader.client if into == Into.CLIENTS else reader.stopped
    for line, cells, problem in table.rows:
        if problem:
            reason = table.placed(line, Reason.of(problem))
            yield staging.refused(line, reason, _shown(cells))
            continue
        try:
            client = read(cells)
            yield staging.taken(line, client, _remarks(reader, table, line))
        except Refused as error:
            yield staging.refused(line, table.placed(line, error.reason), _shown(cells))


def _remarks(reader: Reader, table: Table, line: int) -> str | None:
    """What stayed a text in the row just read, as it is staged."""
    if not reader.misfits:
        return None
    found = []
    for name, why in reader.misfits:
        reason = table.placed(line, Reason(Code.FIELD_WRONG, field=name, reason=why)).fit()
        found.append([name, str(reason), reason.data])
    return json.dumps(found)


def _refuse_headless(table: Table) -> None:
    if not table.head:
        raise FileProblem(Reason(Code.NO_ROWS))
    if table.header and table.header[2]:
        raise FileProblem(Reason(Code.HEADER_WRONG, line=table.header_line, reason=table.header[2]))


def _shown(cells: list[str]) -> str:
    """As the refused row is kept: what PostgreSQL can hold of it."""
    kept = [cell[:500].replace("\x00", "\ufffd") for cell in cells]
    return json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace").decode()

"""Runs an import from its file to its end."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import IO, Any

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
from vestnik.audience.importing.field_rules import Refused
from vestnik.audience.importing.limits import TOO_MUCH
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.importing.rows import Reader
from vestnik.audience.importing.take_over import take_over
from vestnik.audience.imports import Import, ImportState, Into
from vestnik.audience.phone import ACCEPT, NumberRules
from vestnik.db.errors import retry_on_conflict
from vestnik.db.lock_ids import IMPORT_LOCK
from vestnik.db.session_locks import session_timeouts
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Rows per COPY: enough to make the round trips cheap, few enough to show progress.
STAGED_AT_ONCE = 5_000
#: A file that stopped its process three times would probably stop it again.
MOST_ATTEMPTS = 3
#: Seconds. A reader writes to the database every few thousand rows. If it is silent for longer, it
#: hangs or is gone, and another may start over.
SILENT_SECONDS = 120.0
STOPPED = Reason(Code.IMPORT_STOPPED)
GIVEN_UP = Reason(Code.IMPORT_GIVEN_UP)

Watcher = Callable[[int, int], None]


def ignore_progress(_rows: int, _percent: int) -> None:
    """Ignore the progress."""


def options_of(stored: dict[str, Any]) -> Options:
    """Return the options as they are stored with the import."""
    return Options(**stored)


@contextmanager
def hold_reading_lock(import_id: int) -> Iterator[bool]:
    """Hold the import's advisory lock during the block; yield False if another process has it."""
    with connection.cursor() as cursor:
        # A lock of the session, since reading takes many transactions. It ends with its process.
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [IMPORT_LOCK, import_id])
        (acquired,) = cursor.fetchone()
        if not acquired:
            yield False
            return
        try:
            with session_timeouts(SILENT_SECONDS):
                yield True
        finally:
            if connection.connection is not None and not connection.connection.closed:
                with connection.cursor() as anew:  # may be a new session
                    anew.execute("SELECT pg_advisory_unlock(%s, %s)", [IMPORT_LOCK, import_id])


def run(job: Import, file: IO[bytes], watch: Watcher = ignore_progress) -> Import:
    """Read the file and save its rows; an error is stored in the import."""
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
    """Create an import whose file this process reads itself with `run`.

    Whatever ends the block ends the import; rows that were saved by then stay saved.
    """
    with ExitStack() as held:
        with transaction.atomic():
            # Locked before it is visible: an import without its lock counts as abandoned.
            job = Import.objects.create(stored=False, **fields)
            held.enter_context(hold_reading_lock(job.id))
        try:
            yield job
        except BaseException:
            _end(job)
            raise


def _end(job: Import) -> None:
    """End an import that was interrupted."""
    try:
        fail(job, STOPPED)
    except (DatabaseError, InterfaceError):
        _connect_anew()
        fail(job, STOPPED)
    job.refresh_from_db()


def _drop_staged() -> None:
    """Drop the staging tables; if that fails, they end with the session."""
    try:
        staging.end()
    except (DatabaseError, InterfaceError):
        _connect_anew()


def _connect_anew() -> None:
    """Open a new connection: an interrupt may leave the old one in mid-statement."""
    connection.close()
    # A new wrapper: the old one would still believe in its open transaction.
    del connections[DEFAULT_DB_ALIAS]


def fail(job: Import, why: Reason) -> None:
    """End an import without saving any row. A finished one stays as it is."""
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
        counts = take_over(job.id, job.into)
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
    opened = formats.open_file(file, options, progress)
    if opened.problem:
        raise FileProblem(opened.problem)
    Import.objects.filter(id=job.id).update(read_as=_read_as(opened))
    for row in staged_rows(opened.table, options, job.into):
        staged.append(row)
        if len(staged) == STAGED_AT_ONCE:
            staging.stage(staged)
            # Cleared in place: the list is reused, and the memory stays constant.
            rows += len(staged)
            staged.clear()
            _tell(job, rows, progress.percent, watch)
    staging.stage(staged)
    _tell(job, rows + len(staged), 99, watch)


def _read_as(opened: formats.OpenedFile) -> dict[str, object]:
    return {
        "encoding": opened.encoding,
        "separator": opened.separator,
        "sheets": [sheet.name for sheet in opened.sheets if sheet.is_read],
        "unread_sheets": [sheet.name for sheet in opened.sheets if not sheet.is_read],
        "header_line": opened.table.header_line,
    }


def _tell(job: Import, rows: int, percent: int, watch: Watcher) -> None:
    watch(rows, percent)
    if rows % (10 * STAGED_AT_ONCE) == 0 or percent == 99:
        Import.objects.filter(id=job.id).update(rows=rows, percent=percent)


def number_rules(options: Options, into: str) -> NumberRules:
    """Return which numbers are accepted: any for the stop list, else by the deployment's rule."""
    without_sms = options.numbers_without_sms or settings.NUMBERS_WITHOUT_SMS
    return NumberRules(
        options.numbers_without_code, without_sms if into == Into.CLIENTS else ACCEPT
    )


def staged_rows(table: Table, options: Options, into: str) -> Iterator[staging.Staged]:
    """Yield each row below the header, accepted or refused."""
    _refuse_headless(table)
    columns = plan(table.names, options.mapping, into, table.header_line)
    types = column_types(table, columns, options) if into == Into.CLIENTS else {}
    reader = Reader(columns, number_rules(options, into), types)
    read_row = reader.client if into == Into.CLIENTS else reader.stopped
    for line, cells, problem in table.rows:
        if problem:
            reason = table.placed(line, Reason.of(problem))
            yield staging.refused_row(line, reason, _shown(cells))
            continue
        try:
            client = read_row(cells)
            yield staging.accepted_row(line, client, _remarks(reader, table, line))
        except Refused as error:
            yield staging.refused_row(line, table.placed(line, error.reason), _shown(cells))


def _remarks(reader: Reader, table: Table, line: int) -> str | None:
    """Return the misfits of the last row, as they are staged."""
    if not reader.misfits:
        return None
    remarks = []
    for name, why in reader.misfits:
        reason = table.placed(line, Reason(Code.FIELD_WRONG, field=name, reason=why)).fit()
        remarks.append([name, str(reason), reason.data])
    return json.dumps(remarks)


def _refuse_headless(table: Table) -> None:
    if not table.head:
        raise FileProblem(Reason(Code.NO_ROWS))
    if table.header and table.header[2]:
        raise FileProblem(Reason(Code.HEADER_WRONG, line=table.header_line, reason=table.header[2]))


def _shown(cells: list[str]) -> str:
    """Return the cells of a refused row, as far as PostgreSQL can store them."""
    storable = [cell[:500].replace("\x00", "\ufffd") for cell in cells]
    return json.dumps(storable, ensure_ascii=False).encode("utf-8", "replace").decode()

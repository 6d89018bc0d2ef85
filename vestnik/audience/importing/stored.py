"""The content of an uploaded file, stored in the database until it is read.

It is not stored in a folder: the reader may run on another machine, and a backup of the database
includes it.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import IO, Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from vestnik.audience.importing.columns.column_types import column_types, type_of
from vestnik.audience.importing.columns.header import plan
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import MOST_BYTES
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.peek import PREVIEWED, StoredFile, peek
from vestnik.audience.importing.run import (
    GIVEN_UP,
    MOST_ATTEMPTS,
    STOPPED,
    fail,
    hold_reading_lock,
    run,
    staged_rows,
)
from vestnik.audience.imports import OPEN, Import, ImportPiece, ImportState, Into, RefusedRow
from vestnik.db.lock_ids import IMPORT_LOCK
from vestnik.db.sql import literals
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Bytes of a stored piece: one row each, so that reading needs little memory.
PIECE = 2**20
#: Refused rows contain phone numbers, so they are deleted after this time.
KEPT_FOR = timedelta(days=30)
#: A file that was uploaded and not started is deleted after this time.
DRAFTS_KEPT_FOR = timedelta(days=1)
FIELDS = ("line", "phone_number", "operator_code", "tag", "timezone", "attributes", "problem")

# Open imports that no process reads: the session of a reader holds its lock.
WAITING = f"""
SELECT i.id FROM audience_import i
WHERE i.state IN {literals(OPEN)} AND i.stored AND NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
        AND l.classid = %s AND l.objid = i.id AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
ORDER BY i.id
"""

# Imports of a process that read its own file and has ended: no other process can read it.
ABANDONED = f"""
UPDATE audience_import i SET state = '{ImportState.FAILED}', error = %s,
    reason = %s::jsonb, finished_at = statement_timestamp()
WHERE i.state IN {literals(OPEN)} AND NOT i.stored AND NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
        AND l.classid = %s AND l.objid = i.id AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""


def store(file: IO[bytes], **fields: Any) -> Import:
    """Store the file to be read later. Raises FileProblem if it is too large."""
    forget_old()
    with transaction.atomic():
        job = Import.objects.create(size=0, **fields)
        file.seek(0)
        number = 0
        while data := file.read(PIECE):
            ImportPiece.objects.create(of=job, number=number, data=data)
            job.size += len(data)
            number += 1
        if job.size > MOST_BYTES:
            raise FileProblem(Reason(Code.FILE_TOO_LARGE, most=MOST_BYTES // 2**20))
        job.save(update_fields=["size"])
    return job


def forget_old() -> None:
    """Delete old refused rows and drafts, and end abandoned imports."""
    end_abandoned()
    # Refused rows contain phone numbers; a month is enough to correct them.
    RefusedRow.objects.filter(of__finished_at__lt=Now() - KEPT_FOR).delete()
    drafts().filter(created_at__lt=Now() - DRAFTS_KEPT_FOR).delete()


def end_abandoned() -> None:
    """Mark imports as stopped whose own process has ended."""
    with connection.cursor() as cursor:
        cursor.execute(ABANDONED, [STOPPED.text, STOPPED.json, IMPORT_LOCK])


def drafts() -> QuerySet[Import]:
    """Return the files that were uploaded and not started yet."""
    return Import.objects.filter(state=ImportState.DRAFT)


def start(import_id: int) -> bool:
    """Queue a draft for reading; return False if it is no draft any more."""
    return bool(drafts().filter(id=import_id).update(state=ImportState.WAITING))


def opened_in_place(job: Import) -> IO[bytes]:
    """Return the stored file, fetched only as far as it is read."""
    return io.BufferedReader(StoredFile(job, PIECE), PIECE)


@contextmanager
def content(job: Import) -> Iterator[IO[bytes]]:
    """Provide the stored file as a seekable temporary file."""
    with tempfile.TemporaryFile(prefix="vestnik-import-") as file:
        pieces = ImportPiece.objects.filter(of=job).order_by("number")
        # A few pieces at once, so that a large file does not fill the memory.
        for data in pieces.values_list("data", flat=True).iterator(chunk_size=4):
            file.write(data)
        yield file


def read(import_id: int) -> None:
    """Read a stored import, unless another process does or it has ended."""
    with hold_reading_lock(import_id) as acquired:
        job = Import.objects.filter(id=import_id, stored=True).first()
        if not acquired or job is None or job.state in (ImportState.DONE, ImportState.FAILED):
            return
        # The attempts are counted before reading, so that a process that was killed counts.
        if job.attempts >= MOST_ATTEMPTS:
            fail(job, GIVEN_UP)
        else:
            with content(job) as file:
                run(job, file)


def preview(file: IO[bytes], options: Options, into: str) -> dict[str, Any]:
    """Return the detected format of the file, and its first rows as they would be imported."""
    peeked = peek(file, options)
    if peeked.problem:
        raise FileProblem(peeked.problem)
    table = peeked.table
    columns = plan(table.names, options.mapping, into, table.header_line) if table.head else []
    types = column_types(table, columns, options) if into == Into.CLIENTS else {}
    return {
        "format": peeked.kind,
        "encoding": peeked.encoding,
        "separator": peeked.separator,
        "sheets": [asdict(sheet) for sheet in peeked.sheets],
        "header_line": table.header_line,
        "columns": [
            {"header": header, "meaning": meaning, "type": type_of(meaning, types)}
            for header, meaning in zip(table.names, columns, strict=True)
        ],
        "rows": [
            dict(zip(FIELDS, row, strict=False))
            for row in islice(staged_rows(table, options, into), PREVIEWED)
        ],
    }

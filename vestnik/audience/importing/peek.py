"""Reads the first rows of a file, before the user maps its columns.

A child process reads the file and is killed after a time limit: a hostile file holds no thread of
the web process for longer, and none of its memory.
"""

import io
import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any, cast

from vestnik.audience.importing.block_file import BlockFile
from vestnik.audience.importing.columns.header_row import Table
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.first_rows import BLOCK
from vestnik.audience.importing.formats import OpenedFile
from vestnik.audience.importing.limits import TOO_MUCH
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.xlsx.sheets import SheetInfo
from vestnik.audience.imports import Import, ImportPiece
from vestnik.audience.phone_parsing import normalised
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Rows that are shown. All first rows are read, since the import recognises types by them.
PREVIEWED = 10
COMMAND = [sys.executable, "-m", "vestnik.audience.importing.first_rows"]
#: Seconds of elapsed time; the limit of CPU time is lower.
MOST_SECONDS = 20
#: Child processes per web process: each may take MEMORY of `first_rows`.
AT_ONCE = 4
#: Bytes of an answer; the child shortens its cells, so a longer one is a fault.
LONGEST_LINE = 8 * 2**20
BUSY = Reason(Code.READERS_BUSY)
PLACES = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Peek(OpenedFile):
    """The detected format and the first rows of a file."""

    def numbers_in(self, column: int) -> int:
        """Return how many of the first rows have a phone number in that column."""
        cells = [cells[column] for _, cells, _ in self.table.first if column < len(cells)]
        return sum(normalised(cell) is not None for cell in cells)


def peek(file: IO[bytes], options: Options) -> Peek:
    """Read the first rows. Raises FileProblem if the file cannot be read."""
    with _place(), _reader() as (questions, answers):
        request = {"options": asdict(options)}
        result = _asked(questions, answers, file, request)
    if "refused" in result:
        raise FileProblem(_reason_of(result["refused"]))
    rows = [(line, cells, _reason_of(problem)) for line, cells, problem in result["head"]]
    return Peek(
        result["kind"],
        result["encoding"],
        result["separator"],
        Table(rows, result["place"]),
        [SheetInfo(*sheet) for sheet in result["sheets"]],
        _reason_of(result["problem"]),
    )


def _reason_of(data: Any) -> str:
    """Return the reason that the child process reported; empty if there is none."""
    return Reason.from_data(data) or ""


@contextmanager
def _place() -> Iterator[None]:
    if not PLACES.acquire(timeout=MOST_SECONDS):
        raise FileProblem(BUSY)
    try:
        yield
    finally:
        PLACES.release()


@contextmanager
def _reader() -> "Iterator[tuple[io.RawIOBase, io.RawIOBase]]":
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as reader:
        try:
            yield cast(io.RawIOBase, reader.stdin), cast(io.RawIOBase, reader.stdout)
        finally:
            # Also after an answer: a process that hangs must not outlive the request.
            reader.kill()


def _asked(
    questions: io.RawIOBase, answers: io.RawIOBase, file: IO[bytes], request: dict[str, Any]
) -> dict[str, Any]:
    """Send the file's pieces to the child process until it answers."""
    until = time.monotonic() + MOST_SECONDS
    file.seek(0, io.SEEK_END)
    try:
        _send(questions, json.dumps({**request, "size": file.tell()}).encode() + b"\n")
        for line in _lines(answers, until):
            # The answer; other lines request a block by its number.
            if line.startswith(b"="):
                return dict(json.loads(line[1:]))
            file.seek(int(line) * BLOCK)
            data = file.read(BLOCK)
            _send(questions, len(data).to_bytes(4, "big") + data)
    except BrokenPipeError:
        pass
    # It was killed by its limits, or has not answered in time.
    raise FileProblem(TOO_MUCH)


def _send(pipe: io.RawIOBase, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[pipe.write(left) :]


def _lines(pipe: io.RawIOBase, until: float) -> Iterator[bytes]:
    """Yield each line until that time."""
    waiting, ready = b"", select.poll()
    ready.register(pipe, select.POLLIN)
    while (left := until - time.monotonic()) > 0 and len(waiting) < LONGEST_LINE:
        if not ready.poll(1000 * left) or not (piece := pipe.read(2**20)):
            return
        *lines, waiting = (waiting + piece).split(b"\n")
        yield from lines


class StoredFile(BlockFile):
    """The content of an import; only the pieces that are read are fetched."""

    def __init__(self, job: Import, piece: int) -> None:
        super().__init__(job.size, piece)
        self._pieces = ImportPiece.objects.filter(of=job)

    def fetch(self, number: int) -> bytes:
        data = self._pieces.filter(number=number).values_list("data", flat=True).first()
        return b"" if data is None else bytes(data)

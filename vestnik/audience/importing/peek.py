"""A look at the first rows of a file, before somebody says what its columns are.

The file is read by a process of its own, which is stopped where it takes too long: a file that is
made to burst its reader holds no thread of the web for longer, and none of its memory.
"""

import io
import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any, cast

from vestnik.audience.importing.block_file import BlockFile
from vestnik.audience.importing.columns.header_row import Table
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.first_rows import BLOCK
from vestnik.audience.importing.limits import TOO_MUCH
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.xlsx.sheets import SheetInfo
from vestnik.audience.imports import Import, ImportPiece
from vestnik.audience.phone_parsing import normalised
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Rows that are shown. All first rows are looked at: by them the import itself recognises types.
PREVIEWED = 10
COMMAND = [sys.executable, "-m", "vestnik.audience.importing.first_rows"]
#: By the clock: its CPU time is held to less.
MOST_SECONDS = 20
AT_ONCE = 4
LONGEST_LINE = 8 * 2**20
BUSY = Reason(Code.READERS_BUSY)
PLACES = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Peek:
    """What a file is taken for, and its first rows; `problem` tells why it is not read so."""

    kind: str
    encoding: str
    separator: str
    table: Table
    sheets: Sequence[SheetInfo] = ()
    problem: str = ""

    def numbers_in(self, column: int) -> int:
        """How many of the first rows have a phone number there."""
        cells = [cells[column] for _, cells, _ in self.table.first if column < len(cells)]
        return sum(normalised(cell) is not None for cell in cells)


def peek(file: IO[bytes], options: Options) -> Peek:
    """Raises FileProblem where it is no file that can be read."""
    with _place(), _reader() as (questions, answers):
        asked = {"options": asdict(options)}
        found = _asked(questions, answers, file, asked)
    if "refused" in found:
        raise FileProblem(_reason_of(found["refused"]))
    rows = [(line, cells, _reason_of(problem)) for line, cells, problem in found["head"]]
    return Peek(
        found["kind"],
        found["encoding"],
        found["separator"],
        Table(rows, found["place"]),
        [SheetInfo(*sheet) for sheet in found["sheets"]],
        _reason_of(found["problem"]),
    )


def _reason_of(told: Any) -> str:
    """A reason, as the reader's process hands it on; empty for none."""
    return Reason.from_data(told) or ""


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
            reader.kill()


def _asked(
    questions: io.RawIOBase, answers: io.RawIOBase, file: IO[bytes], asked: dict[str, Any]
) -> dict[str, Any]:
    """Give it what it needs of the file until it answers."""
    until = time.monotonic() + MOST_SECONDS
    file.seek(0, io.SEEK_END)
    try:
        _send(questions, json.dumps({**asked, "size": file.tell()}).encode() + b"\n")
        for line in _lines(answers, until):
            if line.startswith(b"="):
                return dict(json.loads(line[1:]))
            file.seek(int(line) * BLOCK)
            data = file.read(BLOCK)
            _send(questions, len(data).to_bytes(4, "big") + data)
    except BrokenPipeError:
        pass
    raise FileProblem(TOO_MUCH)


def _send(pipe: io.RawIOBase, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[pipe.write(left) :]


def _lines(pipe: io.RawIOBase, until: float) -> Iterator[bytes]:
    """Each line that comes until then."""
    waiting, ready = b"", select.poll()
    ready.register(pipe, select.POLLIN)
    while (left := until - time.monotonic()) > 0 and len(waiting) < LONGEST_LINE:
        if not ready.poll(1000 * left) or not (piece := pipe.read(2**20)):
            return
        *lines, waiting = (waiting + piece).split(b"\n")
        yield from lines


class StoredFile(BlockFile):
    """The content of an import, of which only the pieces are fetched that somebody reads."""

    def __init__(self, job: Import, piece: int) -> None:
        super().__init__(job.size, piece)
        self._pieces = ImportPiece.objects.filter(of=job)

    def fetch(self, number: int) -> bytes:
        found = self._pieces.filter(number=number).values_list("data", flat=True).first()
        return b"" if found is None else bytes(found)

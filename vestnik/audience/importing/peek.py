"""A look at the first rows of a file, before somebody says what its columns are."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO

from vestnik.audience.importing.formats import Options, opened
from vestnik.audience.importing.numbers import normalised
from vestnik.audience.importing.source import Progress, Row
from vestnik.audience.imports import Import, ImportPiece

PREVIEWED = 10


@dataclass(frozen=True)
class Peek:
    """What a file is taken for, and its first rows as they stand there, the header among them."""

    kind: str
    encoding: str
    separator: str
    rows: Sequence[Row]

    @property
    def header(self) -> list[str]:
        return self.rows[0][1] if self.rows else []

    @property
    def is_bare(self) -> bool:
        """Whether it is a list of numbers without a header."""
        return len(self.header) == 1 and normalised(self.header[0].strip()) is not None

    def numbers_in(self, column: int) -> int:
        """How many of the rows after the header have a phone number there."""
        cells = [cells[column] for _, cells, _ in self.rows[1:] if column < len(cells)]
        return sum(normalised(cell) is not None for cell in cells)


def peek(file: IO[bytes], options: Options, most: int = PREVIEWED) -> Peek:
    """Raises FileProblem where it is no file that can be read."""
    found = opened(file, options, Progress())
    rows = list(islice(found.rows, most + 1))
    return Peek(found.kind, found.encoding, found.separator, rows)


class StoredFile(io.RawIOBase):
    """The content of an import, of which only the pieces are fetched that somebody reads."""

    def __init__(self, job: Import, piece: int) -> None:
        super().__init__()
        self._pieces = ImportPiece.objects.filter(of=job)
        self._size, self._piece, self._at = job.size, piece, 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # 3.12 has Buffer
        number, start = divmod(self._at, self._piece)
        part = self._fetched(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _fetched(self, number: int) -> bytes:
        if self._held[0] != number:
            found = self._pieces.filter(number=number).values_list("data", flat=True).first()
            self._held = (number, b"" if found is None else bytes(found))
        return self._held[1]

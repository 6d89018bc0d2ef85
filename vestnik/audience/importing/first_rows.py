"""The first rows of a file, read in a process of its own: `python -m` this module.

A file may be made to burst its reader. This process knows no database and no settings; it asks the
one that started it for pieces of the file, and is held to some seconds and some memory.
"""

import io
import json
import sys
from collections import OrderedDict
from dataclasses import astuple
from itertools import islice
from typing import IO, Any

from vestnik.audience.importing import limits
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import Opened, opened
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.source import Progress, Row

BLOCK = 128 * 1024
KEPT = 64
SECONDS, MEMORY = 10, 512 * 2**20
#: A longer answer has its cells shortened.
LONGEST_ANSWER, LONGEST_CELL = 512 * 1024, 150


class Asked(io.RawIOBase):
    """The file, block by block, from the process that has it."""

    def __init__(self, size: int, answers: IO[bytes], questions: IO[bytes]) -> None:
        super().__init__()
        self._size, self._at = size, 0
        self._answers, self._questions = answers, questions
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # 3.12 has Buffer
        number, start = divmod(self._at, BLOCK)
        part = self._block(number)[start : start + len(buffer)] if self._at < self._size else b""
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._questions.write(b"%d\n" % number)
            self._questions.flush()
            length = int.from_bytes(self._answers.read(4), "big")
            self._blocks[number] = self._answers.read(length)
            if len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]


def answer(file: IO[bytes], options: Options, most: int) -> dict[str, Any]:
    """What the file is taken for, and so many rows below its header."""
    try:
        return _seen(opened(file, options, Progress()), most)
    except FileProblem as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": limits.TOO_MUCH}


def _seen(found: Opened, most: int) -> dict[str, Any]:
    place = found.table.place
    above = [] if place is None else list(found.table.head[: place + 1])
    rows = [*above, *islice(found.table.rows, most)]
    longest = max((len(cell) for _, cells, _ in rows for cell in cells), default=0)
    if longest * sum(len(cells) for _, cells, _ in rows) > LONGEST_ANSWER:
        rows = [_shortened(row) for row in rows]
    return {
        "kind": found.kind,
        "encoding": found.encoding,
        "separator": found.separator,
        "head": rows,
        "place": place,
        "sheets": [astuple(sheet) for sheet in found.sheets],
        "problem": found.problem,
    }


def _shortened(row: Row) -> Row:
    line, cells, problem = row
    return line, [cell[:LONGEST_CELL] for cell in cells], problem


def main() -> None:
    limits.hold_to(SECONDS, MEMORY)
    answers, questions = sys.stdin.buffer, sys.stdout.buffer
    asked = json.loads(answers.readline())
    file = io.BufferedReader(Asked(asked["size"], answers, questions), BLOCK)
    found = answer(file, Options(**asked["options"]), asked["most"])
    questions.write(b"=" + json.dumps(found).encode() + b"\n")
    questions.flush()


if __name__ == "__main__":
    main()

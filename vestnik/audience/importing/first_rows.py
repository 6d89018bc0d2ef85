"""The first rows of a file, read in a process of its own: `python -m` this module.

A file may be made to burst its reader. This process knows no database and no settings; it asks the
one that started it for pieces of the file, and is held to some seconds and some memory.
"""

import io
import json
import sys
from dataclasses import astuple
from typing import IO, Any

from vestnik.audience.importing import limits
from vestnik.audience.importing.block_file import BlockFile
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import OpenedFile, open_file
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress, Row
from vestnik.reasons.reason import Reason

BLOCK = 128 * 1024
KEPT = 64
SECONDS, MEMORY = 10, 512 * 2**20
#: A longer answer has its cells shortened.
LONGEST_ANSWER, LONGEST_CELL = 512 * 1024, 150


class PipedFile(BlockFile):
    """The file, block by block, from the process that has it."""

    def __init__(self, size: int, answers: IO[bytes], questions: IO[bytes]) -> None:
        super().__init__(size, BLOCK, KEPT)
        self._answers, self._questions = answers, questions

    def fetch(self, number: int) -> bytes:
        self._questions.write(b"%d\n" % number)
        self._questions.flush()
        length = int.from_bytes(self._answers.read(4), "big")
        return self._answers.read(length)


def answer(file: IO[bytes], options: Options) -> dict[str, Any]:
    """What the file is taken for, and its first rows."""
    try:
        return _seen(open_file(file, options, Progress()))
    except FileProblem as error:
        return {"refused": error.reason.data}
    except MemoryError:
        return {"refused": limits.TOO_MUCH.data}


def _seen(found: OpenedFile) -> dict[str, Any]:
    rows = list(found.table.head)
    longest = max((len(cell) for _, cells, _ in rows for cell in cells), default=0)
    if longest * sum(len(cells) for _, cells, _ in rows) > LONGEST_ANSWER:
        rows = [_shortened(row) for row in rows]
    return {
        "kind": found.kind,
        "encoding": found.encoding,
        "separator": found.separator,
        "head": [(line, cells, _told(problem)) for line, cells, problem in rows],
        "place": found.table.place,
        "sheets": [astuple(sheet) for sheet in found.sheets],
        "problem": _told(found.problem),
    }


def _told(problem: str) -> Any:
    return Reason.of(problem).data if problem else ""


def _shortened(row: Row) -> Row:
    line, cells, problem = row
    return line, [cell[:LONGEST_CELL] for cell in cells], problem


def main() -> None:
    limits.set_limits(SECONDS, MEMORY)
    answers, questions = sys.stdin.buffer, sys.stdout.buffer
    asked = json.loads(answers.readline())
    file = io.BufferedReader(PipedFile(asked["size"], answers, questions), BLOCK)
    found = answer(file, Options(**asked["options"]))
    questions.write(b"=" + json.dumps(found).encode() + b"\n")
    questions.flush()


if __name__ == "__main__":
    main()

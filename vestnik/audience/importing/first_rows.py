"""Reads the first rows of a file in a child process: `python -m` this module.

A hostile file may exhaust its reader. This process has no database and no settings. It requests
pieces of the file from its parent, and its CPU time and memory are limited.
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

#: The pieces in which the parent sends the file, in bytes, and how many are cached: 8 MiB.
BLOCK = 128 * 1024
KEPT = 64
# The limits of the process: seconds of CPU time, and bytes of address space.
SECONDS, MEMORY = 10, 512 * 2**20
#: If the answer would be longer, its cells are shortened.
LONGEST_ANSWER, LONGEST_CELL = 512 * 1024, 150


class PipedFile(BlockFile):
    """The file, block by block, from the parent process."""

    def __init__(self, size: int, answers: IO[bytes], questions: IO[bytes]) -> None:
        super().__init__(size, BLOCK, KEPT)
        self._answers, self._questions = answers, questions

    def fetch(self, number: int) -> bytes:
        self._questions.write(b"%d\n" % number)
        self._questions.flush()
        length = int.from_bytes(self._answers.read(4), "big")
        return self._answers.read(length)


def answer(file: IO[bytes], options: Options) -> dict[str, Any]:
    """Return the detected format of the file, and its first rows."""
    try:
        return _seen(open_file(file, options, Progress()))
    except FileProblem as error:
        return {"refused": error.reason.data}
    except MemoryError:
        # The limit of the address space shows itself as MemoryError.
        return {"refused": limits.TOO_MUCH.data}


def _seen(opened: OpenedFile) -> dict[str, Any]:
    rows = list(opened.table.head)
    longest = max((len(cell) for _, cells, _ in rows for cell in cells), default=0)
    if longest * sum(len(cells) for _, cells, _ in rows) > LONGEST_ANSWER:
        rows = [_shortened(row) for row in rows]
    return {
        "kind": opened.kind,
        "encoding": opened.encoding,
        "separator": opened.separator,
        "head": [(line, cells, _told(problem)) for line, cells, problem in rows],
        "place": opened.table.place,
        "sheets": [astuple(sheet) for sheet in opened.sheets],
        "problem": _told(opened.problem),
    }


def _told(problem: str) -> Any:
    return Reason.of(problem).data if problem else ""


def _shortened(row: Row) -> Row:
    line, cells, problem = row
    return line, [cell[:LONGEST_CELL] for cell in cells], problem


def main() -> None:
    limits.set_limits(SECONDS, MEMORY)
    answers, questions = sys.stdin.buffer, sys.stdout.buffer
    request = json.loads(answers.readline())
    file = io.BufferedReader(PipedFile(request["size"], answers, questions), BLOCK)
    result = answer(file, Options(**request["options"]))
    # The parent tells the answer from requests for blocks by its first character.
    questions.write(b"=" + json.dumps(result).encode() + b"\n")
    questions.flush()


if __name__ == "__main__":
    main()

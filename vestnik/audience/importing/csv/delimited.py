"""Reads the rows of a CSV file in any encoding and with any separator."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import IO

from vestnik.audience.importing.columns.cell_text import are_blank
from vestnik.audience.importing.csv.encodings import ENCODINGS
from vestnik.audience.importing.csv.separators import named_separator
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.row_types import Progress, Row
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Bytes of a line. A longer one is not a CSV file, and would fill the memory.
LONGEST_LINE = 256 * 1024
# A quoted cell with more lines, or more characters, has an unclosed quote.
MOST_LINES, LONGEST_CELL = 50, 64 * 1024

UNCLOSED = Reason(Code.QUOTE_UNCLOSED)
WITH_NUL = Reason(Code.HOLDS_NUL)

csv.field_size_limit(LONGEST_CELL)


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class Lines:
    """An iterator of lines that can go back to the second line of a broken record."""

    def __init__(self, text: IO[str], progress: Progress) -> None:
        self._text, self._progress = text, progress
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self.line = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.line += 1
        if len(line) >= LONGEST_LINE:
            raise FileProblem(Reason(Code.LINE_TOO_LONG, line=self.line))
        self._record.append(line)
        if len(self._record) > MOST_LINES:
            raise csv.Error("a cell over too many lines")
        return line

    def take_record(self) -> list[str]:
        """Return the lines since the last call."""
        record, self._record = self._record, []
        return record

    def rewind_to_first(self) -> str:
        """Return the first line of the record, and go back to the line after it."""
        first, *others = self.take_record() or [""]
        self._again.extendleft(reversed(others))
        self.line -= len(others)
        return first


def rows(file: IO[bytes], encoding: str, separator: str, progress: Progress) -> Iterator[Row]:
    """Yield each record that is not blank, with its first line number."""
    file.seek(0, 2)
    progress.total = file.tell()
    file.seek(0)
    text = io.TextIOWrapper(file, ENCODINGS[encoding], errors=_escaping(encoding), newline="")
    broken = Reason(Code.NOT_DECODED, encoding=encoding.upper())
    try:
        lines = Lines(text, progress)
        yield from _records(lines, file, separator, broken)
    except UnicodeError:
        raise FileProblem(broken) from None
    finally:
        if not file.closed:  # closed by a reader that was stopped
            text.detach()


def _escaping(encoding: str) -> str:
    return "strict" if encoding == "utf-16" else "surrogateescape"


def _records(lines: Lines, file: IO[bytes], separator: str, broken: str) -> Iterator[Row]:
    reader = _reader(lines, separator)
    while True:
        begins = lines.line + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # An unclosed quote swallows the following rows: refuse its first line, and read the
            # others again.
            yield begins, [lines.rewind_to_first().rstrip("\r\n")[:200]], UNCLOSED
            reader = _reader(lines, separator)
            continue
        raw = lines.take_record()
        if begins == 1 and named_separator(raw[0]):
            continue
        if begins % 1000 == 0:
            lines._progress.done = file.tell()
        if not are_blank(cells):
            yield begins, cells, _problem(raw, broken)


def _reader(lines: Lines, separator: str) -> Iterator[list[str]]:
    """Return a reader that accepts blanks before a quote."""
    return csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)


def _problem(raw: list[str], broken: str) -> str:
    for line in raw:
        if "\x00" in line:
            return WITH_NUL
        if not line.isascii() and _broken(line):
            return broken
    return ""

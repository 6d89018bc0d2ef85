"""The shared strings of an XLSX file, in a fraction of the memory of Python strings.

Excel writes each text once and refers to it by number. A million names and a million numbers take
160 MB as Python strings, and 45 MB as consecutive UTF-8 with the offset of each.
"""

import re
import zipfile
from array import array
from collections.abc import Iterator

from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.xlsx import xlsx_archive
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: The limits of the texts of a workbook, in bytes of UTF-8 and in number.
MOST_BYTES = 200 * 2**20
MOST_STRINGS = 8_000_000
TOO_MANY = Reason(Code.WORKBOOK_TEXTS)
#: ECMA-376, 22.9.2.19: _xHHHH_ stands for a UTF-16 unit.
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """Replace Excel's escapes of characters that XML cannot hold: `_x000D_` is a line break."""
    if "_x" not in text:
        return text
    replaced = ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).replace("\r\n", "\n")
    whole = replaced.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\r", "\n").replace("\x00", "")


class SharedStrings:
    """`strings[n]` is the n-th text. The part is read only as far as it is needed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._bytes = bytearray()
        self._starts = array("L", [0])
        reader = _Reader(self)
        self._pieces = pieces
        self._parser = xlsx_archive.parser(reader.start, reader.end, reader.text)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> str:
        while number >= len(self) and self._read_on():
            pass
        if not 0 <= number < len(self):
            raise FileProblem(xlsx_archive.BROKEN)
        return self._bytes[self._starts[number] : self._starts[number + 1]].decode()

    def _read_on(self) -> bool:
        piece = next(self._pieces, None)
        if piece is not None:
            xlsx_archive.feed(self._parser, piece)
        return piece is not None

    def add(self, text: str) -> None:
        self._bytes += unescaped(text).encode()
        self._starts.append(len(self._bytes))
        if len(self._bytes) > MOST_BYTES or len(self) > MOST_STRINGS:
            raise FileProblem(TOO_MANY)


def read(archive: xlsx_archive.Archive, part: zipfile.ZipInfo | None) -> SharedStrings:
    """Return the file's shared strings; empty if it has none."""
    return SharedStrings(iter(()) if part is None else archive.pieces(part))


class _Reader:
    """Collects `<si><t>…</t></si>` and `<si><r><t>…</t></r></si>`, without phonetic hints."""

    def __init__(self, strings: SharedStrings) -> None:
        self._strings = strings
        self._found: list[str] = []
        self._length = 0
        self._in_text = self._in_hint = False

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if name == "si":
            self._found, self._length = [], 0
        elif name == "rPh":
            self._in_hint = True
        elif name == "t":
            self._in_text = not self._in_hint

    def end(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "rPh":
            self._in_hint = False
        elif name == "si":
            self._strings.add("".join(self._found))

    def text(self, text: str) -> None:
        if self._in_text:
            self._length += len(text)
            if self._length > xlsx_archive.PIECE:
                raise FileProblem(TOO_MANY)
            self._found.append(text)

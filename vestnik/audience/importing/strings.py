"""The shared strings of an XLSX file, in a fraction of what Python strings would take.

Excel writes each text once and refers to it by number. A million names and a million numbers are
160 MB as Python strings, and 45 MB as UTF-8 end to end with the place where each begins.
"""

import zipfile
from array import array

from vestnik.audience.importing import package
from vestnik.audience.importing.errors import FileProblem

PART = "xl/sharedStrings.xml"
MOST_BYTES = 200 * 2**20
MOST_STRINGS = 8_000_000
TOO_MANY = "This XLSX file holds too much text: save the sheet as CSV and import that."


class SharedStrings:
    """`strings[n]` is the n-th text."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._starts = array("L", [0])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self):
            raise FileProblem(package.BROKEN)
        return self._bytes[self._starts[number] : self._starts[number + 1]].decode()

    def add(self, text: str) -> None:
        self._bytes += text.encode()
        self._starts.append(len(self._bytes))
        if len(self._bytes) > MOST_BYTES or len(self) > MOST_STRINGS:
            raise FileProblem(TOO_MANY)


def read(archive: zipfile.ZipFile) -> SharedStrings:
    """The file's shared strings; none where it has none."""
    reader = _Reader()
    if PART in archive.namelist():
        package.parse(archive, PART, package.parser(reader.start, reader.end, reader.text))
    return reader.strings


class _Reader:
    """Collects `<si><t>…</t></si>` and `<si><r><t>…</t></r></si>`, but no phonetic hints."""

    def __init__(self) -> None:
        self.strings = SharedStrings()
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
            self.strings.add("".join(self._found))

    def text(self, text: str) -> None:
        if self._in_text:
            self._length += len(text)
            if self._length > package.PIECE:
                raise FileProblem(TOO_MANY)
            self._found.append(text)

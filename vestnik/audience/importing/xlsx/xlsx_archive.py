"""The container of an XLSX file: a zip archive of XML, which may be hostile."""

import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any
from xml.parsers import expat

from vestnik.audience.importing.errors import FileProblem
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Parts of the archive: a workbook has a few per sheet.
MOST_PARTS = 5_000
#: Bytes of the table of contents, which zipfile reads into memory.
MOST_DIRECTORY = 2 * 2**20
#: Bytes of one unpacked part.
MOST_UNPACKED = 4 * 2**30
# Sheets compress 15 times, very uniform ones 80 times; bombs 1,000 times.
MOST_RATIO, FREE_OF_RATIO = 200, 8 * 2**20
#: Bytes that are unpacked and parsed at once.
PIECE = 256 * 1024
#: The nesting of XML elements; a workbook needs far fewer levels.
DEEPEST = 32
#: The end record of a zip archive, and the longest comment after it (APPNOTE 4.3.16).
TAIL = 22 + 65_535
BROKEN = Reason(Code.WORKBOOK_DAMAGED)
BOMB = Reason(Code.WORKBOOK_TOO_LARGE)
DTD = Reason(Code.WORKBOOK_DOCUMENT_TYPE)


class Archive:
    """The archive; its parts are found without regard to case or the kind of slash."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._parts = {_key(info.filename): info for info in archive.infolist()}

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def part(self, name: str) -> zipfile.ZipInfo | None:
        """Return the part of this name, or None."""
        return self._parts.get(_key(name))

    def pieces(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield the unpacked content of a part in pieces. Raises FileProblem for a bomb."""
        if part.flag_bits & 1:
            raise FileProblem(Reason(Code.WORKBOOK_PASSWORD))
        _refuse_bombs(part.file_size, part.compress_size)
        return self._pieces(part)

    def _pieces(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            yield from self._read(part)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError):
            raise FileProblem(BROKEN) from None
        except Exception as error:  # zlib and lzma have no common base of errors
            if isinstance(error, FileProblem | MemoryError) or not _is_error(error):
                raise
            raise FileProblem(BROKEN) from None

    def _read(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        unpacked = 0
        with self._archive.open(part) as content:
            while piece := content.read(PIECE):
                # The declared size may be wrong, so the actual bytes are counted.
                unpacked += len(piece)
                _refuse_bombs(unpacked, part.compress_size)
                yield piece


def _is_error(error: Exception) -> bool:
    return "error" in type(error).__name__.lower()


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


def open_archive(file: IO[bytes]) -> Archive:
    """Open the archive, once its table of contents has a plausible size."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - TAIL))
    tail = file.read()
    parts, directory = _contents(tail)
    if parts > MOST_PARTS or directory > MOST_DIRECTORY:
        raise FileProblem(BOMB)
    try:
        return Archive(zipfile.ZipFile(file))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise FileProblem(BROKEN) from None


def _contents(tail: bytes) -> tuple[int, int]:
    """Return the number of parts and the size of their table, by the end of the archive."""
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        raise FileProblem(BROKEN)
    if tail[end - 20 : end - 16] != b"PK\x06\x07":
        return struct.unpack_from("<HI", tail, end + 10)
    if end < 76 or tail[end - 76 : end - 72] != b"PK\x06\x06":
        raise FileProblem(BOMB)
    return struct.unpack_from("<QQ", tail, end - 44)


def _refuse_bombs(unpacked: int, packed: int) -> None:
    if unpacked > MOST_UNPACKED or (
        unpacked > FREE_OF_RATIO and unpacked > MOST_RATIO * max(packed, 1)
    ):
        raise FileProblem(BOMB)


Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


def parser(start: Start, end: End, text: Callable[[str], None]) -> expat.XMLParserType:
    """Return a parser that refuses entities and strips namespaces."""
    depth = 0

    def opening(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        # Deep nesting would exhaust the parser's stack.
        if depth > DEEPEST:
            raise FileProblem(BROKEN)
        start(name.rpartition(":")[2], attributes)

    def closing(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2])

    expat_parser = expat.ParserCreate()
    # One call per text instead of one per line or entity.
    expat_parser.buffer_text = True
    expat_parser.buffer_size = 2**16
    expat_parser.StartElementHandler = opening
    expat_parser.EndElementHandler = closing
    expat_parser.CharacterDataHandler = text
    # Without a DTD there are no entities: neither exponential expansion nor external files.
    expat_parser.StartDoctypeDeclHandler = _refuse_dtd
    return expat_parser


def _refuse_dtd(*_: Any) -> None:
    raise FileProblem(DTD)


def feed(parser: expat.XMLParserType, piece: bytes, last: bool = False) -> None:
    """Parse a piece. Raises FileProblem if it is not XML."""
    try:
        parser.Parse(piece, last)
    except expat.ExpatError:
        raise FileProblem(BROKEN) from None


def parse(archive: Archive, part: zipfile.ZipInfo, parser: expat.XMLParserType) -> None:
    """Parse a whole part."""
    for piece in archive.pieces(part):
        feed(parser, piece)
    feed(parser, b"", last=True)


def elements(archive: Archive, part: zipfile.ZipInfo, element_name: str) -> list[dict[str, str]]:
    """Return the attributes of each element of that name."""
    attributes_of_all: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == element_name and len(attributes_of_all) < MOST_PARTS:
            attributes_of_all.append(attributes)

    parse(archive, part, parser(start, lambda _: None, lambda _: None))
    return attributes_of_all

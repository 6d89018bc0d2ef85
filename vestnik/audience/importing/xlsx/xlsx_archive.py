"""The outer form of an XLSX file: a zip archive of XML, which may be made to burst its reader."""

import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any
from xml.parsers import expat

from vestnik.audience.importing.errors import FileProblem
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

MOST_PARTS = 5_000
MOST_DIRECTORY = 2 * 2**20
MOST_UNPACKED = 4 * 2**30
# Sheets pack to a fifteenth, very monotonous ones to an eightieth; bombs to a thousandth.
MOST_RATIO, FREE_OF_RATIO = 200, 8 * 2**20
PIECE = 256 * 1024
DEEPEST = 32
TAIL = 22 + 65_535
BROKEN = Reason(Code.WORKBOOK_DAMAGED)
BOMB = Reason(Code.WORKBOOK_TOO_LARGE)
DTD = Reason(Code.WORKBOOK_DOCUMENT_TYPE)


class Archive:
    """The archive, its parts by their names: `/` for a backslash, and in no matter which case."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._parts = {_key(info.filename): info for info in archive.infolist()}

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def part(self, name: str) -> zipfile.ZipInfo | None:
        """The part of this name, if there is one."""
        return self._parts.get(_key(name))

    def pieces(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        """The unpacked content of a part, piece by piece, never more than it may be."""
        if part.flag_bits & 1:
            raise FileProblem(Reason(Code.WORKBOOK_PASSWORD))
        _refuse_bombs(part.file_size, part.compress_size)
        return self._pieces(part)

    def _pieces(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            yield from self._read(part)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError):
            raise FileProblem(BROKEN) from None
        except Exception as error:  # zlib and lzma raise errors of their own, with no common base
            if isinstance(error, FileProblem | MemoryError) or not _is_error(error):
                raise
            raise FileProblem(BROKEN) from None

    def _read(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        unpacked = 0
        with self._archive.open(part) as content:
            while piece := content.read(PIECE):
                unpacked += len(piece)
                _refuse_bombs(unpacked, part.compress_size)
                yield piece


def _is_error(error: Exception) -> bool:
    return "error" in type(error).__name__.lower()


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


def open_archive(file: IO[bytes]) -> Archive:
    """The archive, once its table of contents is known to be of a sane size."""
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
    """How many parts the end of the archive says that there are, and how large their table is."""
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
    """A parser that knows no entities of the file's own, and names without their name spaces."""
    depth = 0

    def opening(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise FileProblem(BROKEN)
        start(name.rpartition(":")[2], attributes)

    def closing(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2])

    made = expat.ParserCreate()
    made.buffer_text = True
    made.buffer_size = 2**16
    made.StartElementHandler = opening
    made.EndElementHandler = closing
    made.CharacterDataHandler = text
    made.StartDoctypeDeclHandler = _refuse_dtd
    return made


def _refuse_dtd(*_: Any) -> None:
    raise FileProblem(DTD)


def feed(made: expat.XMLParserType, piece: bytes, last: bool = False) -> None:
    """Parse a piece; raises FileProblem where it is no XML."""
    try:
        made.Parse(piece, last)
    except expat.ExpatError:
        raise FileProblem(BROKEN) from None


def parse(archive: Archive, part: zipfile.ZipInfo, made: expat.XMLParserType) -> None:
    """Parse a whole part."""
    for piece in archive.pieces(part):
        feed(made, piece)
    feed(made, b"", last=True)


def elements(archive: Archive, part: zipfile.ZipInfo, wanted: str) -> list[dict[str, str]]:
    """The attributes of each element of that name."""
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == wanted and len(found) < MOST_PARTS:
            found.append(attributes)

    parse(archive, part, parser(start, lambda _: None, lambda _: None))
    return found

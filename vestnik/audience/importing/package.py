"""The outer form of an XLSX file: a zip archive of XML, which may be made to burst its reader."""

import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any
from xml.parsers import expat

from vestnik.audience.importing.errors import FileProblem

MOST_PARTS = 5_000
MOST_DIRECTORY = 2 * 2**20
MOST_UNPACKED = 4 * 2**30
# Sheets pack to a fifteenth, very monotonous ones to an eightieth; bombs to a thousandth.
MOST_RATIO, FREE_OF_RATIO = 200, 8 * 2**20
PIECE = 256 * 1024
DEEPEST = 32
TAIL = 22 + 65_535
BROKEN = "This XLSX file is damaged: open it in Excel and save it anew."
BOMB = "This XLSX file unpacks to far more than a list of clients would: save it anew."
DTD = "This XLSX file declares a document type, which Excel never does: save it anew."


def opened(file: IO[bytes]) -> zipfile.ZipFile:
    """The archive, once its table of contents is known to be of a sane size."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - TAIL))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        raise FileProblem(BROKEN)
    parts = int.from_bytes(tail[end + 10 : end + 12], "little")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    if parts > MOST_PARTS or directory > MOST_DIRECTORY or b"PK\x06\x07" in tail:
        raise FileProblem(BOMB)
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise FileProblem(BROKEN) from None


def pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The unpacked content of a part, piece by piece, never more than it may be."""
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise FileProblem("This XLSX file has a password: save it without one.")
    _refuse_bombs(info.file_size, info.compress_size)
    unpacked = 0
    try:
        with archive.open(info) as part:
            while piece := part.read(PIECE):
                unpacked += len(piece)
                _refuse_bombs(unpacked, info.compress_size)
                yield piece
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError):
        raise FileProblem(BROKEN) from None
    except Exception as error:  # zlib and lzma raise errors of their own, with no common base
        if isinstance(error, FileProblem) or "error" not in type(error).__name__.lower():
            raise
        raise FileProblem(BROKEN) from None


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


def parse(archive: zipfile.ZipFile, name: str, made: expat.XMLParserType) -> None:
    """Parse a whole part."""
    for piece in pieces(archive, name):
        feed(made, piece)
    feed(made, b"", last=True)

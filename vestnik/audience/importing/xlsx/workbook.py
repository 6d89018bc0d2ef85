"""An XLSX file: which sheets it has, and the rows of each."""

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.row_types import Progress, Row
from vestnik.audience.importing.xlsx import shared_strings, xlsx_archive
from vestnik.audience.importing.xlsx.sheet_reader import SheetReader
from vestnik.audience.importing.xlsx.styles import Styles
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

BOOK, STRINGS, STYLES = "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"
NOT_A_BOOK = Reason(Code.NO_WORKBOOK)


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook."""

    name: str
    is_hidden: bool
    part: zipfile.ZipInfo


class Workbook:
    """Raises FileProblem where the file is none."""

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = xlsx_archive.open_archive(file)
        book = self._book()
        links = self._links(book.filename)
        self.sheets = self._sheets(book, links)
        self._strings = shared_strings.read(
            self._archive, self._linked(links, "sharedStrings", STRINGS)
        )
        self._styles = Styles.read(self._archive, self._linked(links, "styles", STYLES))
        settings = xlsx_archive.elements(self._archive, book, "workbookPr")
        self._from_1904 = any(one.get("date1904") in ("1", "true") for one in settings)

    def rows(self, sheet: Sheet, progress: Progress) -> Iterator[Row]:
        """Each row that holds something, with its line."""
        reader = SheetReader(self._strings, self._styles, self._from_1904)
        made = xlsx_archive.parser(reader.start, reader.end, reader.text)
        for piece in self._archive.pieces(sheet.part):
            xlsx_archive.feed(made, piece)
            progress.done += len(piece)
            yield from reader.taken()
        xlsx_archive.feed(made, b"", last=True)
        yield from reader.taken()

    def _book(self) -> zipfile.ZipInfo:
        """The part that the package names as its document, or the one where it usually is."""
        links = self._links("").values()
        targets = [target for kind, target in links if kind == "officeDocument"]
        for name in (*targets, BOOK):
            if (part := self._archive.part(name)) and name.lower().endswith(".xml"):
                return part
        raise FileProblem(NOT_A_BOOK)

    def _links(self, owner: str) -> dict[str, tuple[str, str]]:
        """The relations of a part, by their ids: the kind and the name of the part."""
        folder, name = posixpath.split(owner.replace("\\", "/").lstrip("/"))
        part = self._archive.part(posixpath.join(folder, "_rels", f"{name}.rels"))
        links = xlsx_archive.elements(self._archive, part, "Relationship") if part else []
        return {
            link.get("Id", ""): (
                link.get("Type", "").rpartition("/")[2],
                _absolute(folder, link.get("Target", "")),
            )
            for link in links
        }

    def _linked(
        self, links: dict[str, tuple[str, str]], kind: str, usual: str
    ) -> zipfile.ZipInfo | None:
        targets = [target for name, target in links.values() if name == kind]
        return self._archive.part(targets[0] if targets else usual)

    def _sheets(self, book: zipfile.ZipInfo, links: dict[str, tuple[str, str]]) -> list[Sheet]:
        found = []
        for sheet in xlsx_archive.elements(self._archive, book, "sheet"):
            id = next((value for name, value in sheet.items() if name.endswith(":id")), "")
            kind, target = links.get(id, ("worksheet" if id else "", ""))
            if kind != "worksheet":  # charts and macros are sheets, too; and some have no content
                continue
            if (part := self._archive.part(target)) is None:
                raise FileProblem(xlsx_archive.BROKEN)
            is_hidden = sheet.get("state", "visible") != "visible"
            found.append(Sheet(sheet.get("name", ""), is_hidden, part))
        if not found:
            raise FileProblem(xlsx_archive.BROKEN)
        return found


def _absolute(folder: str, target: str) -> str:
    target = target.replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def rows(file: IO[bytes], progress: Progress) -> Iterator[Row]:
    """The rows of the first sheet."""
    book = Workbook(file)
    return book.rows(book.sheets[0], progress)

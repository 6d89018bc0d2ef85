"""An XLSX file: its sheets, and the rows of each."""

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
    """An opened workbook. Raises FileProblem if the file is not one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = xlsx_archive.open_archive(file)
        book = self._book()
        links = self._links(book.filename)
        self.sheets = self._sheets(book, links)
        self.strings = shared_strings.read(
            self._archive, self._linked(links, "sharedStrings", STRINGS)
        )
        self._styles = Styles.read(self._archive, self._linked(links, "styles", STYLES))
        settings = xlsx_archive.elements(self._archive, book, "workbookPr")
        self._from_1904 = any(one.get("date1904") in ("1", "true") for one in settings)

    def rows(self, sheet: Sheet, progress: Progress) -> Iterator[Row]:
        """Yield each row that is not blank, with its line number."""
        reader = SheetReader(self.strings, self._styles, self._from_1904)
        parser = xlsx_archive.parser(reader.start, reader.end, reader.text)
        for piece in self._archive.pieces(sheet.part):
            xlsx_archive.feed(parser, piece)
            progress.done += len(piece)
            yield from reader.take_rows()
        xlsx_archive.feed(parser, b"", last=True)
        yield from reader.take_rows()

    def _book(self) -> zipfile.ZipInfo:
        """Return the document of the package, or the part with its usual name."""
        links = self._links("").values()
        targets = [target for kind, target in links if kind == "officeDocument"]
        for name in (*targets, BOOK):
            if (part := self._archive.part(name)) and name.lower().endswith(".xml"):
                return part
        raise FileProblem(NOT_A_BOOK)

    def _links(self, owner: str) -> dict[str, tuple[str, str]]:
        """Return the relations of a part by their ids: the kind and the name of the target."""
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
        sheets = []
        for sheet in xlsx_archive.elements(self._archive, book, "sheet"):
            # The prefix of the relationships' namespace differs between programs.
            id = next((value for name, value in sheet.items() if name.endswith(":id")), "")
            kind, target = links.get(id, ("worksheet" if id else "", ""))
            if kind != "worksheet":  # charts and macros are sheets, too; some are empty
                continue
            if (part := self._archive.part(target)) is None:
                raise FileProblem(xlsx_archive.BROKEN)
            is_hidden = sheet.get("state", "visible") != "visible"
            sheets.append(Sheet(sheet.get("name", ""), is_hidden, part))
        if not sheets:
            raise FileProblem(xlsx_archive.BROKEN)
        return sheets


def _absolute(folder: str, target: str) -> str:
    target = target.replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def rows(file: IO[bytes], progress: Progress) -> Iterator[Row]:
    """Yield the rows of the first sheet."""
    book = Workbook(file)
    return book.rows(book.sheets[0], progress)

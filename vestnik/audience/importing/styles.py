"""Which cells of an XLSX file are dates: they are stored as a number of days."""

import re
import zipfile
from datetime import datetime, timedelta

from vestnik.audience.importing import package

PART = "xl/styles.xml"
BUILT_IN = frozenset(range(14, 23)) | {45, 46, 47}
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  (a sheet knows no time zones)
LAST_DAY = 2_958_466
QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
MOST_STYLES = 100_000


class Dates:
    """The styles that show a number as a date."""

    def __init__(self) -> None:
        self._formats = set(BUILT_IN)
        self._styles: set[str] = set()
        self._count, self._in_cells = 0, False

    @classmethod
    def read(cls, archive: zipfile.ZipFile) -> "Dates":
        found = cls()
        if PART in archive.namelist():
            package.parse(archive, PART, package.parser(found._start, found._end, lambda _: None))
        return found

    def has(self, style: str) -> bool:
        return style in self._styles

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        number = attributes.get("numFmtId", "")
        if name == "cellXfs":
            self._in_cells = True
        elif name == "numFmt" and number.isdecimal():
            shown = QUOTED.sub("", attributes.get("formatCode", "")).lower()
            if len(self._formats) < MOST_STYLES and ("y" in shown or "d" in shown):
                self._formats.add(int(number))
        elif name == "xf" and self._in_cells:
            if number.isdecimal() and int(number) in self._formats and self._count < MOST_STYLES:
                self._styles.add(str(self._count))
            self._count += 1

    def _end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cells = False


def day_of(written: str) -> str:
    """The day, or the day and time, that a number of days stands for; ISO 8601."""
    try:
        days = float(written)
    except ValueError:
        return written
    if not 0 <= days < LAST_DAY:
        return written
    at = EPOCH + timedelta(seconds=round(days * 86_400))
    return at.date().isoformat() if days.is_integer() else at.isoformat()

"""The number formats of the cells of an XLSX file: date, time, duration or number."""

import re
import zipfile
from dataclasses import dataclass

from vestnik.audience.importing.row_types import index_in
from vestnik.audience.importing.xlsx import xlsx_archive

BUILT_IN = {
    14: "mm-dd-yy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yy h:mm",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mmss.0",
}
#: Parts of a format that are not codes: texts, escapes, fills, colours and languages.
BESIDE = re.compile(r'"[^"]*"?|[\\_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]?', re.IGNORECASE)
#: Words of a format whose letters are not codes of dates.
NOT_CODES = re.compile(r"general|standard|основной|am/pm|a/p")
#: [h], [m] or [s] counts beyond a day, an hour or a minute.
ELAPSED = re.compile(r"\[([hms])[hms]*\]")
#: A format such as 00000 pads a number with zeros, as postcodes need.
PADDED = re.compile(r"0{2,15}")
# Excel allows 65,490 cell styles and formats of 255 characters; hostile files have more.
MOST_STYLES, LONGEST_FORMAT = 100_000, 1_000


@dataclass(frozen=True)
class DisplayFormat:
    """How a number is shown; `elapsed` is the largest unit of a duration: h, m or s."""

    has_date: bool = False
    has_time: bool = False
    has_minutes: bool = False
    has_seconds: bool = False
    elapsed: str = ""
    #: The number of digits to which a number is padded with zeros.
    digits: int = 0


def parse_format_code(code: str) -> DisplayFormat | None:
    """Return the format of a code; None if it shows a plain number."""
    codes = NOT_CODES.sub("", BESIDE.sub("", code[:LONGEST_FORMAT]).lower().split(";")[0])
    if PADDED.fullmatch(codes):
        return DisplayFormat(digits=len(codes))
    elapsed = ELAPSED.search(codes)
    has_time = bool(elapsed) or "h" in codes or "s" in codes
    has_date = "y" in codes or "d" in codes or ("m" in codes and not has_time)
    if not has_time and not has_date:
        return None
    unit = elapsed[1] if elapsed else ""
    minutes = "m" in codes.replace(f"[{unit}]", "", 1)
    return DisplayFormat(has_date, has_time, minutes, "s" in codes, unit)


class Styles:
    """The formats of the file by style number."""

    def __init__(self) -> None:
        self._formats = {number: parse_format_code(code) for number, code in BUILT_IN.items()}
        self._styles: list[DisplayFormat | None] = []
        self._in_cells = False

    @classmethod
    def read(cls, archive: xlsx_archive.Archive, part: zipfile.ZipInfo | None) -> "Styles":
        styles = cls()
        if part is not None:
            parser = xlsx_archive.parser(styles._start, styles._end, lambda _: None)
            xlsx_archive.parse(archive, part, parser)
        return styles

    def shown(self, style: int | None) -> DisplayFormat | None:
        """Return the format of a cell of this style."""
        if style is None or style >= len(self._styles):
            return None
        return self._styles[style]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "cellXfs":
            self._in_cells = True
        elif name == "numFmt" and len(self._formats) < MOST_STYLES:
            number = index_in(attributes.get("numFmtId", ""))
            if number is not None:
                self._formats[number] = parse_format_code(attributes.get("formatCode", ""))
        elif name == "xf" and self._in_cells and len(self._styles) < MOST_STYLES:
            number = index_in(attributes.get("numFmtId", ""))
            self._styles.append(self._formats.get(-1 if number is None else number))

    def _end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cells = False

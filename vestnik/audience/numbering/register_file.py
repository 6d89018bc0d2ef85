"""Parses the regulator's numbering register, DEF-9xx.csv."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.numbering.regions import last_named, zone_of

#: The last seven digits of a number, without leading zeros.
ENTRY = re.compile(r"[0-9]{1,7}", re.ASCII)
CODE = re.compile(r"[0-9]{3}", re.ASCII)
#: Bytes of the register that are read; the rest is ignored.
MOST_BYTES = 64 * 2**20
#: The share of unreadable rows above which the file is refused.
MOST_SKIPPED = 0.02
WRONG_FILE = (
    "This is not the numbering register: its header begins with "
    "'АВС/ DEF;От;До;Емкость;Оператор;Регион'. Nothing was changed."
)


class Range(NamedTuple):
    """A row of the register."""

    first: int
    last: int
    operator: str
    region: str
    timezone: str | None


@dataclass(frozen=True)
class Ranges:
    """The usable rows, in order and without overlaps, and the number of the others."""

    taken: list[Range]
    skipped: int


def ranges(file: IO[bytes]) -> Ranges:
    """Parse the file. Raises FileProblem if it is another file or too many rows are wrong."""
    rows = list(_rows(file))
    usable = _without_overlaps(sorted(row for row in rows if row is not None))
    skipped = len(rows) - len(usable)
    if not usable or skipped > max(5, MOST_SKIPPED * len(rows)):
        raise FileProblem(f"{skipped} of {len(rows)} rows cannot be read. Nothing was changed.")
    return Ranges(usable, skipped)


def _rows(file: IO[bytes]) -> Iterator[Range | None]:
    """Yield the rows; None for one that cannot be parsed."""
    content = file.read(MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1251", "replace")
    # Not with a CSV reader: quotes in the fields are not escaped.
    header, *lines = text.splitlines() or [""]
    names = [re.sub(r"\W", "", name.casefold()) for name in header.split(";")]
    if len(names) < 6 or not names[0].endswith("def") or names[1:3] != ["от", "до"]:
        raise FileProblem(WRONG_FILE)
    return (_row(line.split(";"), len(names)) for line in lines if line.strip())


def _row(cells: list[str], width: int) -> Range | None:
    code, first, last, _, operator, region, *more = (cell.strip() for cell in [*cells, *[""] * 6])
    if len(cells) != width or not (CODE.fullmatch(code) and _is_range(first, last)):
        return None
    area = more[0] if width >= 8 else ""
    start = int(f"7{code}0000000")
    # If the two differ, the territory takes precedence: it was right in the case that was checked.
    zone = zone_of(area) or zone_of(region)
    region_name = last_named(area) or last_named(region)
    return Range(start + int(first), start + int(last), operator, region_name, zone)


def _is_range(first: str, last: str) -> bool:
    return bool(ENTRY.fullmatch(first) and ENTRY.fullmatch(last) and int(first) <= int(last))


def _without_overlaps(ranges: list[Range]) -> list[Range]:
    disjoint: list[Range] = []
    for row in ranges:
        if not disjoint or row.first > disjoint[-1].last:
            disjoint.append(row)
    return disjoint

"""The regulator's numbering register as a file: DEF-9xx.csv, with its oddities."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.numbering.regions import last_named, zone_of

ENTRY = re.compile(r"[0-9]{1,7}", re.ASCII)
CODE = re.compile(r"[0-9]{3}", re.ASCII)
MOST_BYTES = 64 * 2**20
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
    """The rows that can be used, in order and without overlaps, and how many others there were."""

    taken: list[Range]
    skipped: int


def ranges(file: IO[bytes]) -> Ranges:
    """Raises FileProblem where it is no such file or too much of it is odd."""
    rows = list(_rows(file))
    taken = _without_overlaps(sorted(row for row in rows if row is not None))
    skipped = len(rows) - len(taken)
    if not taken or skipped > max(5, MOST_SKIPPED * len(rows)):
        raise FileProblem(f"{skipped} of {len(rows)} rows cannot be read. Nothing was changed.")
    return Ranges(taken, skipped)


def _rows(file: IO[bytes]) -> Iterator[Range | None]:
    """None for a row that cannot be read. Quotes stand bare in the fields, so no CSV reader."""
    content = file.read(MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1251", "replace")
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
    # Where the two disagree, the territory was right in the case that was checked.
    zone = zone_of(area) or zone_of(region)
    named = last_named(area) or last_named(region)
    return Range(start + int(first), start + int(last), operator, named, zone)


def _is_range(first: str, last: str) -> bool:
    return bool(ENTRY.fullmatch(first) and ENTRY.fullmatch(last) and int(first) <= int(last))


def _without_overlaps(ranges: list[Range]) -> list[Range]:
    kept: list[Range] = []
    for row in ranges:
        if not kept or row.first > kept[-1].last:
            kept.append(row)
    return kept

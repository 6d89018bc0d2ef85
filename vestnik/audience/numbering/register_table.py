"""The table of Russian mobile ranges that ships with the product, and how it is made.

`make numbering REGISTER=DEF-9xx.csv PUBLISHED=2026-04-20` makes it from the regulator's register.
Neighbours of one region are one range there, and the operators are left out: numbers are ported
between operators, while a number keeps its region.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "numbering.csv"
ABOUT = (
    "# Russian mobile numbers: the region of each range, by the regulator's register DEF-9xx.csv.",
    "# Made by `make numbering`: do not edit.",
)
#: The country code and the code of a range stand before the seven digits of a number.
CODE, REST = 3, 10**7

#: The first and the last number, and the region.
Range = tuple[int, int, str]


@dataclass(frozen=True)
class Table:
    """The shipped ranges, and when the register said so."""

    published: date
    ranges: tuple[Range, ...]


@cache
def shipped() -> Table:
    """The table of this version of the product."""
    lines = FILE.read_text("utf-8").splitlines()
    rows = [line.split(";") for line in lines if line and not line.startswith("#")]
    (published,) = (row[1] for row in rows if row[0] == "published")
    regions = {row[1]: row[2] for row in rows if row[0] == "region"}
    ranges = (row for row in rows if len(row) == 4)
    return Table(
        date.fromisoformat(published),
        tuple(
            (int(f"7{code}{first}"), int(f"7{code}{last}"), regions[region])
            for code, first, last, region in ranges
        ),
    )


@cache
def mobile_codes() -> frozenset[str]:
    """The three digits after 7 with which some Russian mobile number begins."""
    return frozenset(str(first)[1:4] for first, _last, _region in shipped().ranges)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Sorted ranges, in which neighbours of one region and one code are one."""
    found: list[Range] = []
    for first, last, region in ranges:
        if found and (before := found[-1])[1] + 1 == first and before[2] == region and first % REST:
            found[-1] = (before[0], last, region)
        else:
            found.append((first, last, region))
    return found


def written(ranges: Iterable[Range], published: date) -> Iterator[str]:
    """The lines of the table."""
    kept = merged(ranges)
    numbers = {region: n for n, region in enumerate(sorted({region for _, _, region in kept}))}
    yield from ABOUT
    yield f"published;{published}"
    for region, n in numbers.items():
        yield f"region;{n};{region}"
    for first, last, region in kept:
        code = str(first)[1 : 1 + CODE]
        yield f"{code};{first % REST:07};{last % REST:07};{numbers[region]}"


def main() -> None:
    """Make the table: the register's file and the date on which it was published."""
    from vestnik.audience.numbering.register_file import ranges

    register, published = sys.argv[1:]
    with open(register, "rb") as file:
        rows = [(row.first, row.last, row.region) for row in ranges(file).taken]
    lines = written(rows, date.fromisoformat(published))
    FILE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""The table of Russian mobile ranges that ships with the product, and its generator.

`make numbering REGISTER=DEF-9xx.csv PUBLISHED=2026-04-20` generates it from the regulator's
register. Adjacent ranges of one region are merged, and operators are left out: numbers are ported
between operators, but keep their region.
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
#: A number is the country code, the three digits of the range, and seven more.
CODE, REST = 3, 10**7

#: The first and the last number, and the region.
Range = tuple[int, int, str]


@dataclass(frozen=True)
class Table:
    """The shipped ranges, and the publication date of the register."""

    published: date
    ranges: tuple[Range, ...]


@cache
def shipped() -> Table:
    """Return the table of this version of the product."""
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
    """Return the three digits after 7 with which Russian mobile numbers begin."""
    return frozenset(str(first)[1:4] for first, _last, _region in shipped().ranges)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Merge adjacent ranges of one region and one code; the ranges must be sorted."""
    result: list[Range] = []
    for first, last, region in ranges:
        if (
            result
            and (before := result[-1])[1] + 1 == first
            and before[2] == region
            and first % REST
        ):
            result[-1] = (before[0], last, region)
        else:
            result.append((first, last, region))
    return result


def written(ranges: Iterable[Range], published: date) -> Iterator[str]:
    """Yield the lines of the table."""
    unique = merged(ranges)
    numbers = {region: n for n, region in enumerate(sorted({region for _, _, region in unique}))}
    yield from ABOUT
    yield f"published;{published}"
    for region, n in numbers.items():
        yield f"region;{n};{region}"
    for first, last, region in unique:
        code = str(first)[1 : 1 + CODE]
        yield f"{code};{first % REST:07};{last % REST:07};{numbers[region]}"


def main() -> None:
    """Generate the table from the register's file and its publication date."""
    from vestnik.audience.numbering.register_file import ranges

    register, published = sys.argv[1:]
    with open(register, "rb") as file:
        rows = [(row.first, row.last, row.region) for row in ranges(file).taken]
    lines = written(rows, date.fromisoformat(published))
    FILE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""The numbering register: which range of numbers was given out for which region.

A number keeps its region when its owner changes the operator, so its region tells a time zone. The
file is the regulator's DEF-9xx.csv; see the notes on its oddities beside each step.
"""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from django.db import connection, transaction

from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.imports import NumberRange

#: To be read inside a statement, where {number} is the phone number's column; null: not known.
#: Ranges do not overlap, so the last that begins at or before the number holds it or none does.
ZONE_OF = """(
    SELECT CASE WHEN r.last >= near.number THEN r.timezone END
    FROM (SELECT {number}::bigint AS number) near
    CROSS JOIN LATERAL (
        SELECT last, timezone FROM audience_numberrange
        WHERE first <= near.number ORDER BY first DESC LIMIT 1
    ) r
)"""

# What a region's name holds, in the order in which it is looked for: a name may hold two.
ZONES = {
    "калининград": "Europe/Kaliningrad",
    "крым": "Europe/Simferopol",
    "севастополь": "Europe/Simferopol",
    "кировск": "Europe/Kirov",
    "волгоград": "Europe/Volgograd",
    "самарск": "Europe/Samara",
    "удмурт": "Europe/Samara",
    "саратов": "Europe/Saratov",
    "ульяновск": "Europe/Ulyanovsk",
    "астрахан": "Europe/Astrakhan",
    "свердловск": "Asia/Yekaterinburg",
    "челябинск": "Asia/Yekaterinburg",
    "курганск": "Asia/Yekaterinburg",
    "тюменск": "Asia/Yekaterinburg",
    "оренбург": "Asia/Yekaterinburg",
    "ханты": "Asia/Yekaterinburg",
    "ямало": "Asia/Yekaterinburg",
    "пермск": "Asia/Yekaterinburg",
    "башкорто": "Asia/Yekaterinburg",
    "омская": "Asia/Omsk",
    "новосибирск": "Asia/Novosibirsk",
    "алтай": "Asia/Barnaul",
    "томская": "Asia/Tomsk",
    "кемеров": "Asia/Novokuznetsk",
    "красноярск": "Asia/Krasnoyarsk",
    "хакас": "Asia/Krasnoyarsk",
    "тыва": "Asia/Krasnoyarsk",
    "иркутск": "Asia/Irkutsk",
    "бурят": "Asia/Irkutsk",
    "забайкаль": "Asia/Chita",
    "читинск": "Asia/Chita",
    "амурск": "Asia/Yakutsk",
    "якут": "Asia/Yakutsk",
    "приморск": "Asia/Vladivostok",
    "хабаровск": "Asia/Vladivostok",
    "еврейск": "Asia/Vladivostok",
    "магадан": "Asia/Magadan",
    "сахалин": "Asia/Sakhalin",
    "камчат": "Asia/Kamchatka",
    "чукот": "Asia/Anadyr",
    "байконур": "Asia/Qyzylorda",
}
# The rest of these words is Moscow's time; a text with none of them is no region that we know.
MOSCOW = re.compile(r"област|обл\.|\bкрай|республик|респ\.|\bг\.|город|москв|петербург|округ|ао\b")
NOWHERE = ("", "-", "российская федерация")
ENTRY = re.compile(r"[0-9]{1,7}", re.ASCII)
CODE = re.compile(r"[0-9]{3}", re.ASCII)
MOST_SKIPPED = 0.02
COPY = "COPY audience_numberrange (first, last, operator, region, timezone) FROM STDIN"
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


def zone_near(phone_number: str) -> str | None:
    """The time zone of a number, where the register is there and tells it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ZONE_OF.format(number='%s')}", [phone_number])
        (zone,) = cursor.fetchone()
    return None if zone is None else str(zone)


def zone_of(region: str) -> str | None:
    """The time zone of a region as the register writes it; None where it is not known or two."""
    zones = {_zone_of_one(part) for part in _regions(region)}
    return zones.pop() if len(zones) == 1 else None


def _regions(region: str) -> list[str]:
    """`settlement|…|region` has the region last."""
    name = re.sub(r"\s*([|-])\s*", r"\1", region.casefold().replace("ё", "е")).strip()
    last = name.rpartition("|")[2]
    return [part.strip() for part in re.split(r",| и (?=\w+ (?:обл|край))", last) if part.strip()]


def _zone_of_one(name: str) -> str | None:
    if name in NOWHERE:
        return None
    known = next((zone for word, zone in ZONES.items() if word in name), None)
    return known or ("Europe/Moscow" if MOSCOW.search(name) else None)


def replace(file: IO[bytes]) -> tuple[int, int]:
    """Replace the ranges by those of the file: how many were taken, and how many rows skipped.

    Raises FileProblem, and changes nothing, where it is no such file or too much of it is odd.
    """
    rows = list(_rows(file))
    ranges = _without_overlaps(sorted(row for row in rows if row is not None))
    skipped = len(rows) - len(ranges)
    if not ranges or skipped > max(5, MOST_SKIPPED * len(rows)):
        raise FileProblem(f"{skipped} of {len(rows)} rows cannot be read. Nothing was changed.")
    with transaction.atomic():
        NumberRange.objects.all().delete()
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in ranges:
                copy.write_row(row)
    return len(ranges), skipped


def _rows(file: IO[bytes]) -> Iterator[Range | None]:
    """None for a row that cannot be read. Quotes stand bare in the fields, so no CSV reader."""
    content = file.read(64 * 2**20)
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
    return Range(start + int(first), start + int(last), operator, area or region, zone)


def _is_range(first: str, last: str) -> bool:
    return bool(ENTRY.fullmatch(first) and ENTRY.fullmatch(last) and int(first) <= int(last))


def _without_overlaps(ranges: list[Range]) -> list[Range]:
    kept: list[Range] = []
    for row in ranges:
        if not kept or row.first > kept[-1].last:
            kept.append(row)
    return kept

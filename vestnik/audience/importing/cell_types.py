"""A cell as a value of its column's type: dates, numbers and flags as people and sheets write them.

Stored is one form of each, which ranges find: an ISO date, a JSON number, true or false.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date

from vestnik.audience.attribute_types import Type

BLANKS = " \u00a0\u2007\u2009\u202f"
NUMBER = re.compile(
    rf"([-+\u2212]?)([0-9]{{1,15}}|[0-9]{{1,3}}(?:[{BLANKS}'][0-9]{{3}}){{1,4}})"
    r"(?:([.,])([0-9]{1,15}))?",
    re.ASCII,
)
NOT_DIGITS = re.compile(rf"[{BLANKS}']")
MOST_DIGITS = 15
YES = frozenset({"yes", "y", "true", "да", "истина", "1"})
#: As spreadsheets show a flag.
SHOWN_FLAGS = frozenset({"TRUE", "FALSE", "ИСТИНА", "ЛОЖЬ"})
NO = frozenset({"no", "n", "false", "нет", "ложь", "0"})
MONTH_NAMES = (
    ("января", "январь", "янв", "january", "jan"),
    ("февраля", "февраль", "фев", "february", "feb"),
    ("марта", "март", "мар", "march", "mar"),
    ("апреля", "апрель", "апр", "april", "apr"),
    ("мая", "май", "may"),
    ("июня", "июнь", "июн", "june", "jun"),
    ("июля", "июль", "июл", "july", "jul"),
    ("августа", "август", "авг", "august", "aug"),
    ("сентября", "сентябрь", "сент", "сен", "september", "sept", "sep"),
    ("октября", "октябрь", "окт", "october", "oct"),
    ("ноября", "ноябрь", "нояб", "ноя", "november", "nov"),
    ("декабря", "декабрь", "дек", "december", "dec"),
)
MONTHS = {name: month for month, names in enumerate(MONTH_NAMES, start=1) for name in names}
TIME = (
    r"(?:[T ]+([0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?))?"
)
ISO = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){TIME}", re.ASCII)
DOTTED = re.compile(
    rf"([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{2}}){TIME}", re.ASCII
)
NAMED = re.compile(
    rf"([0-9]{{1,2}})[ .-]*([^\W\d_]{{3,9}})\.?[ -]*([0-9]{{4}}|[0-9]{{2}})(?: ?г\.?)?{TIME}"
)
#: Without it a column of articles, 1-2-03, may be meant: such dates have to be said to be some.
FULL_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])", re.ASCII)
#: Of two digits Excel takes these for years of this century.
THIS_CENTURY = 30

NO_NUMBER = "This is no number: write it as 4512.29 or 4 512,29."
TWO_NUMBERS = "This may be read as two numbers: write 1234 or 1.234 without a comma."
NO_DATE = "This is no date: write it as 2026-03-31 or 31.03.2026."
TWO_DATES = "This may be read as two dates: write it as 2026-03-31 or 31.03.2026."
NO_FLAG = "Write yes or no."


def number(cell: str) -> int | float:
    """4512.29 for `4 512,29`; raises ValueError saying what is wrong."""
    found = NUMBER.fullmatch(cell.strip())
    if not found:
        raise ValueError(NO_NUMBER)
    sign, whole, point, fraction = found.groups()
    digits = NOT_DIGITS.sub("", whole)
    if point == "," and len(fraction) == 3 and len(whole) <= 3 and digits != "0":
        raise ValueError(TWO_NUMBERS)
    if len((digits + (fraction or "")).lstrip("0")) > MOST_DIGITS:
        raise ValueError(NO_NUMBER)
    minus = "-" if sign in ("-", "\u2212") else ""
    return float(f"{minus}{digits}.{fraction}") if point else int(minus + digits)


def day(cell: str) -> str:
    """1988-03-21 for `21.03.1988`, with its time of day where there is one."""
    text = cell.strip()
    if found := ISO.fullmatch(text):
        return _iso(*found.group(1, 2, 3, 4))
    if found := DOTTED.fullmatch(text):
        first, separator, second, year = found.group(1, 2, 3, 4)
        if separator == "/" and int(first) <= 12 and int(second) <= 12 and first != second:
            raise ValueError(TWO_DATES)
        if separator == "/" and int(second) > 12:
            first, second = second, first
        return _iso(year, second, first, found[5])
    found = NAMED.fullmatch(text)
    if found and (month := MONTHS.get(found[2].casefold())):
        return _iso(found[3], str(month), found[1], found[4])
    raise ValueError(NO_DATE)


def _iso(year: str, month: str, of_month: str, time: str | None) -> str:
    full = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < THIS_CENTURY else 1900)
    try:
        found = date(full, int(month), int(of_month)).isoformat()
    except ValueError:
        raise ValueError(NO_DATE) from None
    return f"{found}T{_clock(time)}" if time else found


def _clock(time: str) -> str:
    hours, rest = time.split(":", 1)
    seconds = rest[3:5] if rest[2:3] == ":" else "0"
    if int(hours) > 23 or int(rest[:2]) > 59 or int(seconds) > 59:
        raise ValueError(NO_DATE)
    return f"{hours.zfill(2)}:{rest}" + (":00" if len(rest) == 2 else "")


def flag(cell: str) -> bool:
    """Whether yes is written."""
    word = cell.strip().casefold()
    if word not in YES | NO:
        raise ValueError(NO_FLAG)
    return word in YES


READ: Mapping[str, Callable[[str], object]] = {
    Type.TEXT: str,
    Type.NUMBER: number,
    Type.DATE: day,
    Type.BOOLEAN: flag,
}


def recognised(cells: Iterable[str]) -> str:
    """The type of which all these cells are; empty where it is none for sure, and where each cell
    says by itself what it is."""
    texts = [cell.strip() for cell in cells if cell.strip()]
    if texts and all(FULL_YEAR.search(text) and _is(day, text) for text in texts):
        return Type.DATE
    if texts and all(text in SHOWN_FLAGS for text in texts):
        return Type.BOOLEAN
    are_plain = all(text.lstrip("-").isascii() and _is(float, text) for text in texts)
    if texts and not are_plain and all(_is_sure_number(text) for text in texts):
        return Type.NUMBER
    return ""


def _is_sure_number(text: str) -> bool:
    digits = text.lstrip("-+\u2212")
    return (not digits.startswith("0") or digits[1:2] in (",", ".", "")) and _is(number, text)


def _is(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True

"""A cell as a value of its column's type: dates, numbers and flags as people and sheets write them.

Stored is one form of each, which ranges find: an ISO date, a JSON number, true or false.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from vestnik.audience.attribute_types import Type
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

BLANKS = " \u00a0\u2007\u2009\u202f"
NUMBER = re.compile(
    rf"([-+\u2212]?)([0-9]{{1,15}}|[0-9]{{1,3}}(?:[{BLANKS}'][0-9]{{3}}){{1,4}})"
    r"(?:([.,])([0-9]{1,15}))?",
    re.ASCII,
)
NOT_DIGITS = re.compile(rf"[{BLANKS}']")
#: Digits of a group. Identifiers fill the first one, too.
GROUP = 3
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
OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})$", re.ASCII)
#: Hours from UTC.
EASTERNMOST, WESTERNMOST = 14, 12
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

NO_NUMBER = Reason(Code.NO_NUMBER)
TWO_NUMBERS = Reason(Code.TWO_NUMBERS)
NO_DATE = Reason(Code.NO_DATE)
TWO_DATES = Reason(Code.TWO_DATES)
NO_FLAG = Reason(Code.NO_FLAG)
MAYBE_NO_NUMBER = Reason(Code.MAYBE_NO_NUMBER)
MAYBE_NO_DATE = Reason(Code.MAYBE_NO_DATE)


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
    if int(hours) > 23 or int(rest[:2]) > 59 or int(seconds) > 59 or not _is_offset(rest):
        raise ValueError(NO_DATE)
    return f"{hours.zfill(2)}:{rest}" + (":00" if len(rest) == 2 else "")


def _is_offset(time: str) -> bool:
    """Whether the offset at the end, where there is one, is in use anywhere."""
    found = OFFSET.search(time)
    if found is None:
        return True
    sign, hours, minutes = found[1], int(found[2]), int(found[3])
    return minutes < 60 and 60 * hours + minutes <= 60 * (
        EASTERNMOST if sign == "+" else WESTERNMOST
    )


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
    if texts and not are_plain and _are_sure_numbers(texts):
        return Type.NUMBER
    return ""


def read(type: str, cell: str) -> object:
    """A cell of a column whose type is declared or chosen. Raises ValueError where it does not
    fit."""
    return READ[type](cell)


def read_recognised(type: str, cell: str) -> object:
    """A cell of a column whose type nobody said. Raises ValueError also where it may be an
    identifier: its value is not changed."""
    value = READ[type](cell)
    if type == Type.NUMBER and _may_be_identifier(cell.strip()):
        raise ValueError(MAYBE_NO_NUMBER)
    if type == Type.DATE and not FULL_YEAR.search(cell):
        raise ValueError(MAYBE_NO_DATE)
    return value


def _are_sure_numbers(texts: Sequence[str]) -> bool:
    """Whether all are numbers, and those in groups no contracts: 916 120, 100 200 300."""
    if not all(_is(number, text) and not _may_be_identifier(text) for text in texts):
        return False
    parts = [found.groups() for text in texts if (found := NUMBER.fullmatch(text))]
    wholes = [whole for _, whole, _, _ in parts]
    grouped = [NOT_DIGITS.split(whole) for whole in wholes if NOT_DIGITS.search(whole)]
    if not grouped or any(fraction for _, _, _, fraction in parts):
        return True
    are_of_many_lengths = len({len(NOT_DIGITS.sub("", whole)) for whole in wholes}) > 1
    return are_of_many_lengths and any(len(groups[0]) < GROUP for groups in grouped)


def _may_be_identifier(text: str) -> bool:
    digits = text.lstrip("-+\u2212")
    return digits.startswith("0") and digits[1:2] not in (",", ".", "")


def _is(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True

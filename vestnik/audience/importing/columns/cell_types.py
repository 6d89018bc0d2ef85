"""Reads a cell as a value of its column's type, in the forms that people and spreadsheets use.

Each type is stored in one form, which ranges can compare: an ISO date, a JSON number, a boolean.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from vestnik.audience.attribute_types import Type
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: The spaces that separate groups of digits: an ordinary one, no-break, figure, thin, narrow
#: no-break.
BLANKS = " \u00a0\u2007\u2009\u202f"
#: A sign, up to 15 digits or groups of three, and a fraction.
NUMBER = re.compile(
    rf"([-+\u2212]?)([0-9]{{1,15}}|[0-9]{{1,3}}(?:[{BLANKS}'][0-9]{{3}}){{1,4}})"
    r"(?:([.,])([0-9]{1,15}))?",
    re.ASCII,
)
NOT_DIGITS = re.compile(rf"[{BLANKS}']")
#: Digits of a group. In identifiers the first group is complete, too.
GROUP = 3
#: A double and Excel keep 15 significant digits; a longer number would change.
MOST_DIGITS = 15
#: The words for true, in English and in Russian, and 1.
YES = frozenset({"yes", "y", "true", "да", "истина", "1"})
#: Flags as spreadsheets show them.
SHOWN_FLAGS = frozenset({"TRUE", "FALSE", "ИСТИНА", "ЛОЖЬ"})
#: The words for false, in English and in Russian, and 0.
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
#: The UTC offset at the end of a time.
OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})$", re.ASCII)
#: The largest offsets from UTC in use, in hours.
EASTERNMOST, WESTERNMOST = 14, 12
#: 2026-03-31, with an optional time of day.
ISO = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){TIME}", re.ASCII)
#: 31.03.2026, 31/3/26 or 31-03-2026: the same separator twice.
DOTTED = re.compile(
    rf"([0-9]{{1,2}})([./-])([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{2}}){TIME}", re.ASCII
)
#: 31 марта 2026 г., 31 March 2026, 31-мар-26.
NAMED = re.compile(
    rf"([0-9]{{1,2}})[ .-]*([^\W\d_]{{3,9}})\.?[ -]*([0-9]{{4}}|[0-9]{{2}})(?: ?г\.?)?{TIME}"
)
#: Without a full year a column of article numbers, such as 1-2-03, could be taken for dates; such
#: dates need a declared type.
FULL_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])", re.ASCII)
#: Excel takes years of two digits below this one for years of this century.
THIS_CENTURY = 30

NO_NUMBER = Reason(Code.NO_NUMBER)
TWO_NUMBERS = Reason(Code.TWO_NUMBERS)
NO_DATE = Reason(Code.NO_DATE)
TWO_DATES = Reason(Code.TWO_DATES)
NO_FLAG = Reason(Code.NO_FLAG)
MAYBE_NO_NUMBER = Reason(Code.MAYBE_NO_NUMBER)
MAYBE_NO_DATE = Reason(Code.MAYBE_NO_DATE)


def number(cell: str) -> int | float:
    """Return 4512.29 for `4 512,29`. Raises ValueError with the reason."""
    match = NUMBER.fullmatch(cell.strip())
    if not match:
        raise ValueError(NO_NUMBER)
    sign, whole, point, fraction = match.groups()
    digits = NOT_DIGITS.sub("", whole)
    # 1,234 is 1234 in English and 1.234 in Russian, so it is refused.
    if point == "," and len(fraction) == 3 and len(whole) <= 3 and digits != "0":
        raise ValueError(TWO_NUMBERS)
    if len((digits + (fraction or "")).lstrip("0")) > MOST_DIGITS:
        raise ValueError(NO_NUMBER)
    minus = "-" if sign in ("-", "\u2212") else ""
    return float(f"{minus}{digits}.{fraction}") if point else int(minus + digits)


def day(cell: str) -> str:
    """Return 1988-03-21 for `21.03.1988`, with its time of day if there is one."""
    text = cell.strip()
    if match := ISO.fullmatch(text):
        return _iso(*match.group(1, 2, 3, 4))
    if match := DOTTED.fullmatch(text):
        first, separator, second, year = match.group(1, 2, 3, 4)
        # 03/04/2026 is March in the US and April in Europe; above 12 only one reading is possible.
        if separator == "/" and int(first) <= 12 and int(second) <= 12 and first != second:
            raise ValueError(TWO_DATES)
        if separator == "/" and int(second) > 12:
            first, second = second, first
        return _iso(year, second, first, match[5])
    match = NAMED.fullmatch(text)
    if match and (month := MONTHS.get(match[2].casefold())):
        return _iso(match[3], str(month), match[1], match[4])
    raise ValueError(NO_DATE)


def _iso(year: str, month: str, of_month: str, time: str | None) -> str:
    full = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < THIS_CENTURY else 1900)
    try:
        iso_date = date(full, int(month), int(of_month)).isoformat()
    except ValueError:
        raise ValueError(NO_DATE) from None
    return f"{iso_date}T{_clock(time)}" if time else iso_date


def _clock(time: str) -> str:
    hours, rest = time.split(":", 1)
    seconds = rest[3:5] if rest[2:3] == ":" else "0"
    if int(hours) > 23 or int(rest[:2]) > 59 or int(seconds) > 59 or not _is_offset(rest):
        raise ValueError(NO_DATE)
    return f"{hours.zfill(2)}:{rest}" + (":00" if len(rest) == 2 else "")


def _is_offset(time: str) -> bool:
    """Return whether the offset at the end, if there is one, is in use anywhere."""
    match = OFFSET.search(time)
    if match is None:
        return True
    sign, hours, minutes = match[1], int(match[2]), int(match[3])
    return minutes < 60 and 60 * hours + minutes <= 60 * (
        EASTERNMOST if sign == "+" else WESTERNMOST
    )


def flag(cell: str) -> bool:
    """Return whether the cell means yes. Raises ValueError with the reason."""
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
    """Return the type that all these cells have beyond doubt.

    Empty if there is none, and if each cell shows its type by itself.
    """
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
    """Read a cell of a column whose type is declared or chosen. Raises ValueError if it does not
    fit."""
    return READ[type](cell)


def read_recognised(type: str, cell: str) -> object:
    """Read a cell of a column whose type was only recognised.

    Raises ValueError also if the cell may be an identifier, whose value must not change.
    """
    value = READ[type](cell)
    if type == Type.NUMBER and _may_be_identifier(cell.strip()):
        raise ValueError(MAYBE_NO_NUMBER)
    if type == Type.DATE and not FULL_YEAR.search(cell):
        raise ValueError(MAYBE_NO_DATE)
    return value


def _are_sure_numbers(texts: Sequence[str]) -> bool:
    """Return whether all are numbers, and not contract numbers in groups: 916 120, 100 200 300."""
    if not all(_is(number, text) and not _may_be_identifier(text) for text in texts):
        return False
    parts = [match.groups() for text in texts if (match := NUMBER.fullmatch(text))]
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

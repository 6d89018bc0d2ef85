"""Which column is what: by the names in the first row, or as somebody says."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from vestnik.audience.importing.columns import exact_values
from vestnik.audience.importing.columns.cell_text import (
    column_name,
    is_blank,
    is_like_number,
    is_like_phone,
)
from vestnik.audience.importing.errors import FileProblem
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

PHONE = "phone_number"
NAMES = {
    PHONE: "phone number|phone|mobile|mobile phone|mobile number|number|tel|msisdn|телефон|номер|"
    "номер телефона|телефонный номер|мобильный|мобильный телефон|номер мобильного|моб телефон|"
    "моб тел|моб|тел|сотовый|сотовый телефон|контактный телефон|телефона",
    "operator_code": "operator code|mobile operator code|mobile code|код оператора|"
    "код мобильного оператора|def код|def",
    "tag": "tag|label|group|segment|тег|тэг|метка|группа|сегмент",
    "timezone": "timezone|time zone|tz|часовой пояс|временная зона|таймзона|тайм зона",
    "reason": "reason|comment|причина|комментарий",
}
KNOWN = {name: field for field, names in NAMES.items() for name in names.split("|")}
FIELDS = {
    "clients": (PHONE, "operator_code", "tag", "timezone"),
    "stop_list": (PHONE, "reason"),
}
BETWEEN = re.compile(r"[\W_]+")
LONGEST_NAME = 100
IGNORE = ""
#: The space separators of Unicode.
BLANKS = " \xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
OWN = "attributes."
UNNAMED = Reason(Code.NO_HEADER)
#: So many digits in a heading are a phone number rather than a year or an article.
FEWEST_DIGITS = 9
# What our own export says beside: it is not the file's to set.
OURS = frozenset({"id", "created_at"})


def is_phone_name(name: str) -> bool:
    """Whether a heading is one of those that we know for the phone number."""
    return _known(name) == PHONE


def plan(
    names: Sequence[str], mapping: Mapping[str, str], into: str = "clients", line: int = 1
) -> list[str]:
    """What each column is, by the names in the header at `line` (0: the file has none).

    A column is one of our fields, else an attribute `attributes.NAME`, or "" and left out. Names
    in `mapping` (a column's name, or its number from 1, to what it is) go before what we know.
    """
    if not line and not mapping and len(names) == 1:
        return [PHONE]
    fields, given = FIELDS[into], by_place(mapping, names)
    columns = [meaning(n, name, given, fields, line) for n, name in enumerate(names, start=1)]
    _refuse_repeats(columns, line)
    if PHONE not in columns:
        raise FileProblem(_no_number(names, line) if line else UNNAMED)
    return columns


def meaning(
    number: int, name: str, given: Mapping[int, str], fields: Sequence[str], line: int = 1
) -> str:
    """What the column of this number and name is; `given` is what somebody said, by number."""
    said = given.get(number)
    if said is None and (name in OURS or is_blank(name)):
        return IGNORE
    if said is None:
        known = _known(name)
        said = known if known and known in fields else _attribute(name)
    if said == exact_values.COLUMN and fields == FIELDS["clients"]:
        return said
    if said in fields or not said or fields == FIELDS["stop_list"]:
        return said if said in fields else IGNORE
    attribute = said.removeprefix("attributes.")
    if len(attribute) > LONGEST_NAME or not _may_be_name(attribute, name):
        raise FileProblem(
            Reason(Code.COLUMN_NAME_WRONG, line=line, number=number, most=LONGEST_NAME)
        )
    return f"attributes.{attribute}"


def _may_be_name(attribute: str, heading: str) -> bool:
    """Whether the name is readable: printable, in a heading of an export with any kind of blank.

    An export keeps all other names beside its columns, to the letter: see `exact_values`.
    """
    blanks = BLANKS if heading.startswith(OWN) else ""
    return attribute.translate(dict.fromkeys(map(ord, blanks))).isprintable()


def by_place(mapping: Mapping[str, str], names: Sequence[str]) -> dict[int, str]:
    """What somebody said of columns, by their numbers.

    Where every column is said by its number, a heading that is a digit means nothing. Else one
    that could be another column's number as well is refused.
    """
    numbers = [str(number) for number in range(1, len(names) + 1)]
    if set(mapping) == set(numbers):
        return {int(number): said for number, said in mapping.items()}
    return {_number_of(name, names, numbers): said for name, said in mapping.items()}


def _number_of(name: str, names: Sequence[str], numbers: Sequence[str]) -> int:
    named = [n for n, one in enumerate(names, 1) if _same(one, name)]
    if name in numbers and named and named != [int(name)]:
        raise FileProblem(Reason(Code.MAPPING_AMBIGUOUS, name=name, number=named[0]))
    if len(named) > 1:
        first, second = named[:2]
        raise FileProblem(
            Reason(Code.MAPPING_NAMED_TWICE, first=first, second=second, name=repr(name[:50]))
        )
    if named or name in numbers:
        return named[0] if named else int(name)
    there = ", ".join(column_name(one) for one in names if not is_blank(one))[:300] or "none"
    raise FileProblem(Reason(Code.MAPPING_MISSING, name=repr(name[:50]), names=there))


def _same(heading: str, name: str) -> bool:
    cleaned = column_name(heading)
    return bool(cleaned) and cleaned == column_name(name)


def _known(name: str) -> str | None:
    return KNOWN.get(BETWEEN.sub(" ", column_name(name).casefold().replace("ё", "е")).strip())


def _attribute(name: str) -> str:
    """An attribute that our own export names is kept to the letter."""
    return name.strip() if name.startswith(OWN) else column_name(name)


def _refuse_repeats(columns: Sequence[str], line: int) -> None:
    for column, times in Counter(columns).items():
        if column and times > 1:
            places = [str(n) for n, name in enumerate(columns, start=1) if name == column]
            named = " and ".join(places[:5])
            raise FileProblem(Reason(Code.COLUMNS_ALIKE, line=line, places=named, field=column))


def _no_number(names: Sequence[str], line: int) -> Reason:
    if any(
        is_like_number(name) and sum(map(str.isdecimal, name)) >= FEWEST_DIGITS for name in names
    ):
        return Reason(Code.HEADER_IS_CLIENT, line=line)
    shown = [column_name(name) for name in names if not is_like_phone(name)]
    there = ", ".join(filter(None, shown))[:300] or "none"
    return Reason(Code.NO_NUMBER_COLUMN, line=line, names=there)

"""The meaning of each column, by the headings or by the user's mapping."""

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
#: Everything that separates words: «Номер_телефона» equals «номер телефона».
BETWEEN = re.compile(r"[\W_]+")
#: Characters of a heading that becomes an attribute; a longer text is a sentence.
LONGEST_NAME = 100
IGNORE = ""
#: The space separators of Unicode.
BLANKS = " \xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
OWN = "attributes."
UNNAMED = Reason(Code.NO_HEADER)
#: A heading with as many digits is a phone number rather than a year or an article number.
FEWEST_DIGITS = 9
# Columns of our own export that an import must not set.
OURS = frozenset({"id", "created_at"})


def is_phone_name(name: str) -> bool:
    """Return whether a heading is a known name of the phone number's column."""
    return _known(name) == PHONE


def plan(
    names: Sequence[str], mapping: Mapping[str, str], into: str = "clients", line: int = 1
) -> list[str]:
    """Return the meaning of each column, by the names in the header at `line` (0: no header).

    A column is one of our fields, else an attribute `attributes.NAME`, or "" and ignored. The names
    in `mapping` (a column's name, or its number from 1, to its meaning) have precedence.
    """
    # A single column without a header can only be the number.
    if not line and not mapping and len(names) == 1:
        return [PHONE]
    fields, mapped = FIELDS[into], by_place(mapping, names)
    columns = [meaning(n, name, mapped, fields, line) for n, name in enumerate(names, start=1)]
    _refuse_repeats(columns, line)
    if PHONE not in columns:
        raise FileProblem(_no_number(names, line) if line else UNNAMED)
    return columns


def meaning(
    number: int, name: str, mapped: Mapping[int, str], fields: Sequence[str], line: int = 1
) -> str:
    """Return the meaning of the column; `mapped` holds the user's choices by column number."""
    chosen = mapped.get(number)
    if chosen is None and (name in OURS or is_blank(name)):
        return IGNORE
    if chosen is None:
        known = _known(name)
        chosen = known if known and known in fields else _attribute(name)
    if chosen == exact_values.COLUMN and fields == FIELDS["clients"]:
        return chosen
    if chosen in fields or not chosen or fields == FIELDS["stop_list"]:
        return chosen if chosen in fields else IGNORE
    attribute = chosen.removeprefix("attributes.")
    if len(attribute) > LONGEST_NAME or not _may_be_name(attribute, name):
        raise FileProblem(
            Reason(Code.COLUMN_NAME_WRONG, line=line, number=number, most=LONGEST_NAME)
        )
    return f"attributes.{attribute}"


def _may_be_name(attribute: str, heading: str) -> bool:
    """Return whether the name is readable; a heading of an export may have any blanks."""
    # An export keeps all other names beside its columns, verbatim: see `exact_values`.
    blanks = BLANKS if heading.startswith(OWN) else ""
    return attribute.translate(dict.fromkeys(map(ord, blanks))).isprintable()


def by_place(mapping: Mapping[str, str], names: Sequence[str]) -> dict[int, str]:
    """Return the user's mapping by column numbers.

    If every column is mapped by its number, digits as headings have no meaning. Otherwise a heading
    that could also be another column's number is refused.
    """
    numbers = [str(number) for number in range(1, len(names) + 1)]
    if set(mapping) == set(numbers):
        return {int(number): chosen for number, chosen in mapping.items()}
    return {_number_of(name, names, numbers): chosen for name, chosen in mapping.items()}


def _number_of(name: str, names: Sequence[str], numbers: Sequence[str]) -> int:
    matching = [n for n, one in enumerate(names, 1) if _same(one, name)]
    if name in numbers and matching and matching != [int(name)]:
        raise FileProblem(Reason(Code.MAPPING_AMBIGUOUS, name=name, number=matching[0]))
    if len(matching) > 1:
        first, second = matching[:2]
        raise FileProblem(
            Reason(Code.MAPPING_NAMED_TWICE, first=first, second=second, name=repr(name[:50]))
        )
    if matching or name in numbers:
        return matching[0] if matching else int(name)
    headings = ", ".join(column_name(one) for one in names if not is_blank(one))[:300] or "none"
    raise FileProblem(Reason(Code.MAPPING_MISSING, name=repr(name[:50]), names=headings))


def _same(heading: str, name: str) -> bool:
    cleaned = column_name(heading)
    return bool(cleaned) and cleaned == column_name(name)


def _known(name: str) -> str | None:
    return KNOWN.get(BETWEEN.sub(" ", column_name(name).casefold().replace("ё", "е")).strip())


def _attribute(name: str) -> str:
    """Return the name of the attribute; a name from our own export is kept verbatim."""
    return name.strip() if name.startswith(OWN) else column_name(name)


def _refuse_repeats(columns: Sequence[str], line: int) -> None:
    for column, times in Counter(columns).items():
        if column and times > 1:
            places = [str(n) for n, name in enumerate(columns, start=1) if name == column]
            numbers = " and ".join(places[:5])
            raise FileProblem(Reason(Code.COLUMNS_ALIKE, line=line, places=numbers, field=column))


def _no_number(names: Sequence[str], line: int) -> Reason:
    if any(
        is_like_number(name) and sum(map(str.isdecimal, name)) >= FEWEST_DIGITS for name in names
    ):
        return Reason(Code.HEADER_IS_CLIENT, line=line)
    texts = [column_name(name) for name in names if not is_like_phone(name)]
    headings = ", ".join(filter(None, texts))[:300] or "none"
    return Reason(Code.NO_NUMBER_COLUMN, line=line, names=headings)

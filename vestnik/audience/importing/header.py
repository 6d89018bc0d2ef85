"""Which column is what: by the names in the first row, or as somebody says."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.numbers import normalised

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
# What our own export says beside: it is not the file's to set.
OURS = frozenset({"id", "created_at"})


def plan(
    first: Sequence[str], mapping: Mapping[str, str], into: str = "clients"
) -> tuple[list[str], bool]:
    """What each column is, and whether the first row named them (or is a client itself).

    A column is one of our fields, else an attribute `attributes.NAME`, or "" and left out. Names
    in `mapping` (a column's name, or its number from 1, to what it is) go before what we know.
    """
    names = [name.strip().lstrip("\ufeff") for name in first]
    if not mapping and len(names) == 1 and normalised(names[0]):
        return [PHONE], False
    _refuse_unknown(mapping, names)
    fields = FIELDS[into]
    columns = [meaning(n, name, mapping, fields) for n, name in enumerate(names, start=1)]
    _refuse_repeats(columns)
    if PHONE not in columns:
        raise FileProblem(_no_number(names))
    return columns, True


def meaning(number: int, name: str, mapping: Mapping[str, str], fields: Sequence[str]) -> str:
    """What the column of this number and name is."""
    said = mapping.get(name, mapping.get(str(number)))
    if said is None and name in OURS:
        return IGNORE
    if said is None:
        known = KNOWN.get(BETWEEN.sub(" ", name.casefold().replace("ё", "е")).strip())
        said = known if known and known in fields else name
    if said in fields or not said or fields == FIELDS["stop_list"]:
        return said if said in fields else IGNORE
    attribute = said.removeprefix("attributes.")
    if len(attribute) > LONGEST_NAME or "\x00" in attribute or not attribute.isprintable():
        raise FileProblem(
            f"Line 1: column {number}: name it by at most {LONGEST_NAME} printable letters."
        )
    return f"attributes.{attribute}"


def _refuse_unknown(mapping: Mapping[str, str], names: Sequence[str]) -> None:
    places = {str(number) for number in range(1, len(names) + 1)}
    for name in mapping:
        if name not in names and name not in places:
            there = ", ".join(names)[:300]
            raise FileProblem(f"mapping: there is no column {name[:50]!r}. There are: {there}.")


def _refuse_repeats(columns: Sequence[str]) -> None:
    for column, times in Counter(columns).items():
        if column and times > 1:
            places = [str(n) for n, name in enumerate(columns, start=1) if name == column]
            raise FileProblem(
                f"Line 1: columns {' and '.join(places[:5])} are both {column}: rename one, or "
                "say in mapping what each is."
            )


def _no_number(names: Sequence[str]) -> str:
    there = ", ".join(name for name in names if name and not normalised(name))[:300] or "none"
    return (
        "Line 1: no column is named as the phone number (phone_number, phone, телефон, номер…). "
        f"Columns found: {there}. Name one so, or say which it is in mapping."
    )

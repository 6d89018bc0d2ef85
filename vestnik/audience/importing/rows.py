"""A row of a file becomes a client that can be saved, or a reason why not."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError

from vestnik.audience.importing.columns import cell_types, exact_values
from vestnik.audience.importing.columns.column_types import ColumnType
from vestnik.audience.importing.errors import reason_of
from vestnik.audience.numbering.regions import zone_of_place
from vestnik.audience.numbering.zone_words import zone_named
from vestnik.audience.phone import NumberRules, validate_operator_code
from vestnik.audience.stop_list import LONGEST_REASON
from vestnik.audience.validation import (
    LONGEST_TAG,
    MOST_ATTRIBUTE_BYTES,
    validate_attributes,
    validate_tag,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: phone_number, operator_code, tag, timezone, attributes (JSON), and the zone of the city or region
#: that an attribute names; None is "not given".
Client = tuple[str, str | None, str | None, str | None, str | None, str | None]
ZONE = Reason(Code.ZONE_WRONG)
LONGEST_WHOLE = 15

#: What Excel and LibreOffice write where a formula fails, in English and in Russian.
ERRORS = frozenset(
    """#N/A #REF! #VALUE! #DIV/0! #NAME? #NUM! #NULL! #GETTING_DATA #SPILL! #CALC! #FIELD! #BUSY!
    #BLOCKED! #CONNECT! #UNKNOWN! #Н/Д #ССЫЛКА! #ЗНАЧ! #ДЕЛ/0! #ИМЯ? #ЧИСЛО! #ПУСТО! #ПЕРЕНОС!
    """.split()  # noqa: SIM905  (one line each would be a page)
)
OF_CALC = re.compile(r"Err:[0-9]{3}")

#: Attributes that name a place, those first that tell more.
PLACES = (
    *("город", "city", "населенный пункт", "населённый пункт", "town"),
    *("регион", "region", "область", "субъект рф", "субъект"),
)

encode = json.JSONEncoder(ensure_ascii=False).encode


class Refused(Exception):
    """The row is not taken; the reason says what to do about it."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


@lru_cache(4096)
def _is_right(validate: Callable[[str], None], value: str) -> bool:
    """Few values repeat over millions of rows."""
    try:
        validate(value)
    except ValidationError:
        return False
    return True


@lru_cache(4096)
def _zone_of_place(written: str) -> str | None:
    return zone_of_place(written)


def validate_reason(value: str) -> None:
    """Raises ValidationError where the reason is too long."""
    if len(value) > LONGEST_REASON:
        raise ValidationError(f"Shorten it to at most {LONGEST_REASON} characters.")


def validate_zone(value: str) -> None:
    """Raises ValidationError unless the words name a zone."""
    if zone_named(value) is None:
        raise ValidationError(ZONE)


RULES: dict[str, Callable[[str], None]] = {
    "operator_code": validate_operator_code,
    "tag": validate_tag,
    "timezone": validate_zone,
    "reason": validate_reason,
}


WRONG: Mapping[str, Reason] = {
    "operator_code": Reason(Code.OPERATOR_CODE_WRONG),
    "tag": Reason(Code.VALUE_TOO_LONG, most=LONGEST_TAG),
    "timezone": ZONE,
    "reason": Reason(Code.VALUE_TOO_LONG, most=LONGEST_REASON),
}


def is_error(cell: str) -> bool:
    """Whether the cell says that its formula failed."""
    if not cell.startswith(("#", "Err:")):
        return False
    return cell.strip().upper() in ERRORS or bool(OF_CALC.fullmatch(cell.strip()))


class Reader:
    """Reads rows by a plan of columns."""

    def __init__(
        self,
        columns: Sequence[str],
        rules: NumberRules,
        types: Mapping[str, ColumnType] | None = None,
    ) -> None:
        self._rules, self._types = rules, types or {}
        #: Attributes of the row read last whose cells do not fit the recognised type, and why.
        self.misfits: list[tuple[str, Reason]] = []
        self.columns = list(columns)
        self._width = len(columns)
        self._phone = columns.index("phone_number")
        self._fields = {name: columns.index(name) for name in RULES if name in columns}
        self._exact = columns.index(exact_values.COLUMN) if exact_values.COLUMN in columns else None
        self._attributes = [
            (n, name.removeprefix("attributes."))
            for n, name in enumerate(columns)
            if name.startswith("attributes.")
        ]
        self._places = [
            n for one in PLACES for n, name in self._attributes if name.casefold() == one
        ]

    def client(self, cells: list[str]) -> Client:
        """Raises Refused."""
        self.misfits = []
        cells = self._as_wide_as_the_header(cells)
        exact = self._said_exactly(cells)
        number = self._number(cells)
        tag = self._tag(cells, exact)
        zone = self._field("timezone", cells)
        code = self._field("operator_code", cells)
        return number, code, tag, zone, self._given(cells, exact), self._place(cells)

    def stopped(self, cells: list[str]) -> Client:
        """The same for the stop list: a number and, in the place of the tag, a reason."""
        cells = self._as_wide_as_the_header(cells)
        return self._number(cells), None, self._field("reason", cells), None, None, None

    def _as_wide_as_the_header(self, cells: list[str]) -> list[str]:
        if any(map(is_error, cells)):
            cells = self._without_errors(cells)
        missing = self._width - len(cells)
        if missing > 0:
            return cells + [""] * missing
        if missing < 0 and any(cells[self._width :]):
            raise Refused(Reason(Code.TOO_MANY_CELLS, cells=len(cells), columns=self._width))
        return cells

    def _without_errors(self, cells: list[str]) -> list[str]:
        """An error is no value: it is missing, and a row whose number is one is refused."""
        if self._phone < len(cells) and is_error(written := cells[self._phone]):
            raise _refused("phone_number", Reason(Code.FORMULA_ERROR, error=written.strip()))
        return ["" if is_error(cell) else cell for cell in cells]

    def _said_exactly(self, cells: list[str]) -> dict[str, Any]:
        if self._exact is None:
            return {}
        try:
            return exact_values.parsed(cells[self._exact])
        except ValueError:
            raise Refused(exact_values.NOT_OURS) from None

    def _place(self, cells: list[str]) -> str | None:
        """The zone of the first place that tells one."""
        return next((zone for n in self._places if (zone := _zone_of_place(cells[n]))), None)

    def _number(self, cells: list[str]) -> str:
        written = cells[self._phone]
        if not written.strip():
            raise Refused(Reason(Code.NUMBER_MISSING))
        try:
            return self._rules.accept(written)
        except ValueError as error:
            raise _refused("phone_number", reason_of(error)) from None

    def _tag(self, cells: list[str], exact: Mapping[str, Any]) -> str | None:
        place, was = self._fields.get("tag"), exact.get(exact_values.TAG)
        if place is None or not isinstance(was, str):
            return self._field("tag", cells)
        if not _stands(cells[place], was):
            was = exact_values.as_text(cells[place].strip())
        if not _is_right(validate_tag, was):
            raise _refused("tag", WRONG["tag"])
        return was or None

    def _field(self, name: str, cells: list[str]) -> str | None:
        place = self._fields.get(name)
        value = cells[place].strip() if place is not None else ""
        if not value:
            return None
        if name == "operator_code":
            value = value.removesuffix(".0")
        if name == "timezone":
            value = zone_named(value) or value
        if not _is_right(RULES[name], value):
            raise _refused(name, WRONG[name])
        return value

    def _given(self, cells: list[str], exact: Mapping[str, Any]) -> str | None:
        found = dict(exact.get(exact_values.OTHERS, {}))
        for n, name in self._attributes:
            key = f"attributes.{name}"
            if key in exact and _stands(cells[n], exact[key]):
                found[name] = exact[key]
            elif (value := cells[n].strip()) and isinstance(exact.get(key), str):
                found[name] = self._corrected(name, exact_values.as_text(value))
            elif value:
                found[name] = self._typed(name, value)
        if not found:
            return None
        return _as_json(found, checked=bool(exact))

    def _corrected(self, name: str, text: str) -> object:
        """A text that was changed in an export stays one, unless another type is said."""
        column = self._types.get(name)
        return self._typed(name, text) if column and column.is_said else text

    def _typed(self, name: str, value: str) -> object:
        column = self._types.get(name)
        if column is None:
            return typed(value)
        read = cell_types.read if column.is_said else cell_types.read_recognised
        try:
            return read(column.type, value)
        except ValueError as error:
            if column.is_said:
                raise _refused(name, reason_of(error)) from None
            self.misfits.append((name, reason_of(error)))
            return typed(value)


def _refused(field: str, reason: str) -> Refused:
    return Refused(Reason(Code.FIELD_WRONG, field=field, reason=reason))


def reading(type: str | None) -> exact_values.Reading:
    """How a cell of an attribute of this declared type is read."""
    return cell_types.READ[type] if type else typed


def _stands(cell: str, value: object) -> bool:
    """Whether a cell is as it was written; one that is an error was read as nothing."""
    was_error = not cell and isinstance(value, str) and is_error(value)
    return was_error or exact_values.stands(cell, value)


def _as_json(attributes: dict[str, Any], *, checked: bool) -> str:
    if checked:
        try:
            validate_attributes(attributes)
        except ValidationError as error:
            raise _refused(exact_values.COLUMN, str(error.message)) from None
    written = encode(attributes)
    if len(written) > MOST_ATTRIBUTE_BYTES // 4 and len(written.encode()) > MOST_ATTRIBUTE_BYTES:
        most = MOST_ATTRIBUTE_BYTES // 1024
        raise Refused(Reason(Code.ATTRIBUTES_TOO_LARGE, most=most))
    return written


def typed(value: str) -> str | int | float:
    """A number where it stays the same when it is written again (so 007 and 1.50 are texts)."""
    if value[0] not in "-0123456789" or len(value) > LONGEST_WHOLE:
        return value
    try:
        number: int | float = float(value) if "." in value else int(value)
    except ValueError:
        return value
    return number if str(number) == value else value

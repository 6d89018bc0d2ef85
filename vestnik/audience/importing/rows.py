"""Turns a row of a file into a client, or into a reason for refusing it."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError

from vestnik.audience.importing.columns import cell_types, exact_values
from vestnik.audience.importing.columns.column_types import ColumnType
from vestnik.audience.importing.columns.plain_cells import is_error, typed
from vestnik.audience.importing.errors import reason_of
from vestnik.audience.importing.field_rules import RULES, WRONG, Refused, is_valid, refusal
from vestnik.audience.numbering.regions import zone_of_place
from vestnik.audience.numbering.zone_words import zone_named
from vestnik.audience.phone import NumberRules
from vestnik.audience.validation import MOST_ATTRIBUTE_BYTES, validate_attributes, validate_tag
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: phone_number, operator_code, tag, timezone, attributes (JSON), and the zone of the city or region
#: in an attribute; None means "not given".
Client = tuple[str, str | None, str | None, str | None, str | None, str | None]

#: Names of attributes that hold a place; the more precise ones come first.
PLACES = (
    *("город", "city", "населенный пункт", "населённый пункт", "town"),
    *("регион", "region", "область", "субъект рф", "субъект"),
)

encode = json.JSONEncoder(ensure_ascii=False).encode


@lru_cache(4096)
def _zone_of_place(written: str) -> str | None:
    return zone_of_place(written)


class Reader:
    """Reads rows by their columns' meanings."""

    def __init__(
        self,
        columns: Sequence[str],
        rules: NumberRules,
        types: Mapping[str, ColumnType] | None = None,
    ) -> None:
        self._rules, self._types = rules, types or {}
        #: The attributes of the last row whose cells do not fit the recognised type, and why.
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
        """Return the client of a row. Raises Refused."""
        self.misfits = []
        cells = self._as_wide_as_the_header(cells)
        exact = self._said_exactly(cells)
        number = self._number(cells)
        tag = self._tag(cells, exact)
        zone = self._field("timezone", cells)
        code = self._field("operator_code", cells)
        return number, code, tag, zone, self._given(cells, exact), self._place(cells)

    def stopped(self, cells: list[str]) -> Client:
        """Return a row of the stop list: a number and, in place of the tag, a reason. Raises
        Refused."""
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
        """Return the cells with failed formulas blanked; refuse the row if its number failed."""
        if self._phone < len(cells) and is_error(number := cells[self._phone]):
            raise refusal("phone_number", Reason(Code.FORMULA_ERROR, error=number.strip()))
        return ["" if is_error(cell) else cell for cell in cells]

    def _said_exactly(self, cells: list[str]) -> dict[str, Any]:
        if self._exact is None:
            return {}
        try:
            return exact_values.parsed(cells[self._exact])
        except ValueError:
            raise Refused(exact_values.NOT_OURS) from None

    def _place(self, cells: list[str]) -> str | None:
        """Return the time zone of the first place that has one."""
        return next((zone for n in self._places if (zone := _zone_of_place(cells[n]))), None)

    def _number(self, cells: list[str]) -> str:
        number = cells[self._phone]
        if not number.strip():
            raise Refused(Reason(Code.NUMBER_MISSING))
        try:
            return self._rules.accept(number)
        except ValueError as error:
            raise refusal("phone_number", reason_of(error)) from None

    def _tag(self, cells: list[str], exact: Mapping[str, Any]) -> str | None:
        place, was = self._fields.get("tag"), exact.get(exact_values.TAG)
        if place is None or not isinstance(was, str):
            return self._field("tag", cells)
        if not _stands(cells[place], was):
            was = exact_values.as_text(cells[place].strip())
        if not is_valid(validate_tag, was):
            raise refusal("tag", WRONG["tag"])
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
        if not is_valid(RULES[name], value):
            raise refusal(name, WRONG[name])
        return value

    def _given(self, cells: list[str], exact: Mapping[str, Any]) -> str | None:
        attributes = dict(exact.get(exact_values.OTHERS, {}))
        for n, name in self._attributes:
            key = f"attributes.{name}"
            if key in exact and _stands(cells[n], exact[key]):
                attributes[name] = exact[key]
            elif (value := cells[n].strip()) and isinstance(exact.get(key), str):
                attributes[name] = self._corrected(name, exact_values.as_text(value))
            elif value:
                attributes[name] = self._typed(name, value)
        if not attributes:
            return None
        return _as_json(attributes, checked=bool(exact))

    def _corrected(self, name: str, text: str) -> object:
        """Keep a changed text of an export as a text, unless another type is declared."""
        column = self._types.get(name)
        return self._typed(name, text) if column and column.is_said else text

    def _typed(self, name: str, value: str) -> object:
        column = self._types.get(name)
        if column is None:
            return typed(value)
        read_cell = cell_types.read if column.is_said else cell_types.read_recognised
        try:
            return read_cell(column.type, value)
        except ValueError as error:
            if column.is_said:
                raise refusal(name, reason_of(error)) from None
            self.misfits.append((name, reason_of(error)))
            return typed(value)


def reading(type: str | None) -> exact_values.Reading:
    """Return the function that reads a cell of an attribute of this declared type."""
    return cell_types.READ[type] if type else typed


def _stands(cell: str, value: object) -> bool:
    """Return whether a cell is unchanged; a failed formula was read as blank."""
    was_error = not cell and isinstance(value, str) and is_error(value)
    return was_error or exact_values.stands(cell, value)


def _as_json(attributes: dict[str, Any], *, checked: bool) -> str:
    if checked:
        try:
            validate_attributes(attributes)
        except ValidationError as error:
            raise refusal(exact_values.COLUMN, str(error.message)) from None
    encoded = encode(attributes)
    if len(encoded) > MOST_ATTRIBUTE_BYTES // 4 and len(encoded.encode()) > MOST_ATTRIBUTE_BYTES:
        most = MOST_ATTRIBUTE_BYTES // 1024
        raise Refused(Reason(Code.ATTRIBUTES_TOO_LARGE, most=most))
    return encoded

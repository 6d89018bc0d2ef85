"""The type of each column that becomes an attribute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vestnik.audience.attribute_types import declared_types
from vestnik.audience.importing.columns import exact_values
from vestnik.audience.importing.columns.cell_types import recognised
from vestnik.audience.importing.columns.header_row import Table
from vestnik.audience.importing.options import Options

PREFIX = "attributes."


@dataclass(frozen=True)
class ColumnType:
    """A type, and whether somebody said it: then a cell that does not fit refuses its row. What was
    only recognised by the first rows is left as a text where it does not fit."""

    type: str
    is_said: bool


def column_types(
    table: Table, columns: Sequence[str], options: Options
) -> Mapping[str, ColumnType]:
    """The types of attributes: declared, else said for this file, else recognised."""
    declared, is_ours = declared_types(), exact_values.COLUMN in columns
    types: dict[str, ColumnType] = {}
    for place, column in enumerate(columns):
        name = column.removeprefix(PREFIX)
        if column == name:
            continue
        if said := declared.get(name, options.types.get(name)):
            types[name] = ColumnType(said, is_said=True)
        elif not is_ours and name not in options.types and (found := _found(table, place)):
            types[name] = ColumnType(found, is_said=False)
    return types


def type_of(column: str, types: Mapping[str, ColumnType]) -> str:
    """The type of a column; empty of one that is no attribute, or is read cell by cell."""
    found = types.get(column.removeprefix(PREFIX)) if column.startswith(PREFIX) else None
    return found.type if found else ""


def _found(table: Table, place: int) -> str:
    return recognised(cells[place] for _, cells, _ in table.first if place < len(cells))

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
    """A type, and whether it is declared or chosen.

    If so, a cell that does not fit refuses its row. If the type was only recognised from the first
    rows, such a cell stays a text.
    """

    type: str
    is_said: bool


def column_types(
    table: Table, columns: Sequence[str], options: Options
) -> Mapping[str, ColumnType]:
    """Return the types of attributes: declared, else chosen for this file, else recognised."""
    declared, is_ours = declared_types(), exact_values.COLUMN in columns
    types: dict[str, ColumnType] = {}
    for place, column in enumerate(columns):
        name = column.removeprefix(PREFIX)
        if column == name:
            continue
        if declared_type := declared.get(name, options.types.get(name)):
            types[name] = ColumnType(declared_type, is_said=True)
        elif (
            not is_ours and name not in options.types and (recognised_type := _found(table, place))
        ):
            types[name] = ColumnType(recognised_type, is_said=False)
    return types


def type_of(column: str, types: Mapping[str, ColumnType]) -> str:
    """Return the type of a column; empty if it is no attribute or is read cell by cell."""
    column_type = types.get(column.removeprefix(PREFIX)) if column.startswith(PREFIX) else None
    return column_type.type if column_type else ""


def _found(table: Table, place: int) -> str:
    return recognised(cells[place] for _, cells, _ in table.first if place < len(cells))

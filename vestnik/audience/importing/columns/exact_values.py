"""Exact values of an export, so that importing an unchanged export changes nothing.

The last column of an export of clients, `exact_values`, is empty or a JSON object. It holds the
values of the row that would be read differently from their cells: `{"tag": "-10%",
"attributes.size": "42"}`, and under `attributes` those without a column. A cell that was edited has
precedence.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from vestnik.audience.importing.csv.csv_escape import is_dangerous, written
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

COLUMN = "exact_values"
#: The key of attributes without a column.
OTHERS = "attributes"
TAG = "tag"
PREFIX = "attributes."
#: Characters that readers of spreadsheets trim, join or drop.
UNSEEN = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff\ufffd\ufffe\uffff]+"
)
#: Characters that XML cannot hold, and the start of an XLSX escape.
ESCAPED = re.compile("_(?=x)|[\x7f-\x9f\ufffe\uffff]")
#: An escaped character of XLSX, the escape of its own underscore included.
ESCAPES = re.compile("_x(005F|00[01][0-9A-F])(?=_)", re.IGNORECASE)
NOT_OURS = Reason(Code.FIELD_WRONG, field=COLUMN, reason=Reason(Code.NOT_OF_AN_EXPORT))

Reading = Callable[[str], object]


def of(tag: str, attributes: Mapping[str, Any], columns: Mapping[str, Reading]) -> str:
    """Return the content of the cell for a client.

    `columns` maps the attributes with a column to the function that reads their cells.
    """
    exact: dict[str, Any] = {} if not tag or _is_read_as_it_is(tag, str) else {TAG: tag}
    others: dict[str, Any] = {}
    for name, value in attributes.items():
        if name not in columns:
            others[name] = value
        elif not _is_read_as_it_is(value, columns[name]):
            exact[PREFIX + name] = value
    if others:
        exact[OTHERS] = others
    return _as_json(exact) if exact else ""


def _as_json(exact: Mapping[str, Any]) -> str:
    text = json.dumps(exact, ensure_ascii=False)
    return ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _is_read_as_it_is(value: object, read: Reading) -> bool:
    """Return whether the value's cell is read as the same value, from CSV and from XLSX."""
    if value is None or isinstance(value, dict | list):
        return False
    if isinstance(value, str) and not _is_smooth(value):
        return False
    # Spreadsheets show 15 digits, so a float with more would change.
    if isinstance(value, float) and ("e" in str(value) or f"{value:.15g}" != str(value)):
        return False
    try:
        reread = read(written(value))
    except ValueError:
        return False
    return type(reread) is type(value) and reread == value


def _is_smooth(text: str) -> bool:
    """Return whether nothing of the text is trimmed, joined, escaped or quoted."""
    whole = text.isprintable() and " ".join(text.split()) == text
    if text.startswith(("#", "Err:")):  # a reader may take it for a failed formula
        return False
    return whole and bool(text) and "_x" not in text and written(text) == text


def parsed(cell: str) -> dict[str, Any]:
    """Return the values in the cell. Raises ValueError if an export did not write it."""
    if not cell.strip():
        return {}
    try:
        exact = json.loads(cell, parse_constant=_refused)
    except RecursionError:
        raise ValueError(NOT_OURS) from None
    if not isinstance(exact, dict) or not isinstance(exact.get(OTHERS, {}), dict):
        raise ValueError(NOT_OURS)
    return exact


def _refused(constant: str) -> None:
    raise ValueError(constant)


def stands(cell: str, value: object) -> bool:
    """Return whether the cell is unchanged since it was written for this value, blanks aside."""
    was = written(value)
    return cell == was or _bare(cell) == _bare(was) or _same_number(cell, value)


def as_text(cell: str) -> str:
    """Return a text that was edited in its cell, without the quote that protected it."""
    return cell[1:] if cell.startswith("'") and is_dangerous(cell[1:]) else cell


def _bare(text: str) -> str:
    return UNSEEN.sub(" ", ESCAPES.sub("", text)).strip()


def _same_number(cell: str, value: object) -> bool:
    """Return whether both are the same number to 15 digits, which is all that sheets keep."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        cell_number, number = float(cell), float(value)
    except (ValueError, OverflowError):
        return False
    digits = f"{number:.15g}"
    return cell_number == number or digits in (f"{cell_number:.15g}", cell)

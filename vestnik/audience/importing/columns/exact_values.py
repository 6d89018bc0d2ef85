"""What the cells of our own exports cannot say is said beside them, so that a file that comes back
as it was changes nothing.

The last column of an export of clients, `exact_values`, is empty, or a JSON object of those values
of its row that their cells would not be read as: `{"tag": "-10%", "attributes.size": "42"}`, and
under `attributes` those that have no column. A cell that was changed meanwhile goes before it.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from vestnik.audience.importing.csv.csv_escape import is_dangerous, written
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

COLUMN = "exact_values"
#: The key of the attributes that have no column.
OTHERS = "attributes"
TAG = "tag"
PREFIX = "attributes."
#: What readers of sheets cut off, join or leave out.
UNSEEN = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff\ufffd\ufffe\uffff]+"
)
#: What XML cannot hold, and what XLSX would take for an escaped letter.
ESCAPED = re.compile("_(?=x)|[\x7f-\x9f\ufffe\uffff]")
#: A letter as XLSX escapes it; the escape of its own underscore among them.
ESCAPES = re.compile("_x(005F|00[01][0-9A-F])(?=_)", re.IGNORECASE)
NOT_OURS = Reason(Code.FIELD_WRONG, field=COLUMN, reason=Reason(Code.NOT_OF_AN_EXPORT))

Reading = Callable[[str], object]


def of(tag: str, attributes: Mapping[str, Any], columns: Mapping[str, Reading]) -> str:
    """What the cell of a client says. `columns` are the attributes that have one, and how a cell
    of it is read."""
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
    return ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_read_as_it_is(value: object, read: Reading) -> bool:
    """Whether the cell of a value is read as that value from CSV and XLSX alike."""
    if value is None or isinstance(value, dict | list):
        return False
    if isinstance(value, str) and not _is_smooth(value):
        return False
    if isinstance(value, float) and ("e" in str(value) or f"{value:.15g}" != str(value)):
        return False
    try:
        found = read(written(value))
    except ValueError:
        return False
    return type(found) is type(value) and found == value


def _is_smooth(text: str) -> bool:
    """Whether nothing of a text is cut off, joined, escaped or guarded on its way."""
    whole = text.isprintable() and " ".join(text.split()) == text
    if text.startswith(("#", "Err:")):  # maybe a formula that failed
        return False
    return whole and bool(text) and "_x" not in text and written(text) == text


def parsed(cell: str) -> dict[str, Any]:
    """The values that the cell says. Raises ValueError where it is not of our writing."""
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
    """Whether the cell is still as it was written for this value; blanks are not looked at."""
    was = written(value)
    return cell == was or _bare(cell) == _bare(was) or _same_number(cell, value)


def as_text(cell: str) -> str:
    """A text that was changed in its cell: without the quote that was put before it."""
    return cell[1:] if cell.startswith("'") and is_dangerous(cell[1:]) else cell


def _bare(text: str) -> str:
    return UNSEEN.sub(" ", ESCAPES.sub("", text)).strip()


def _same_number(cell: str, value: object) -> bool:
    """Sheets keep 15 digits of a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        read, was = float(cell), float(value)
    except (ValueError, OverflowError):
        return False
    shown = f"{was:.15g}"
    return read == was or shown in (f"{read:.15g}", cell)

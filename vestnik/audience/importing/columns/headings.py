"""The headings of our exports, which an import maps to the same attributes."""

from vestnik.audience.importing.columns.header import FIELDS, LONGEST_NAME, meaning
from vestnik.audience.importing.csv.csv_escape import is_dangerous

PREFIX = "attributes."


def is_column(name: str) -> bool:
    """Return whether an attribute can have a column: a heading preserves its name."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and " ".join(name.split()) == name


def heading_of(name: str) -> str:
    """Return the name; with a prefix if it would mean something else, or be a formula."""
    plain = not is_dangerous(name) and not name.isdecimal() and not name.startswith("'")
    if plain and meaning(0, name, {}, FIELDS["clients"]) == PREFIX + name:
        return name
    return PREFIX + name

"""The headings of our own exports, which an import reads as the attributes that they are."""

from vestnik.audience.importing.columns.header import FIELDS, LONGEST_NAME, meaning
from vestnik.audience.importing.csv.csv_escape import is_dangerous

PREFIX = "attributes."


def is_column(name: str) -> bool:
    """Whether an attribute of this name can have a column: nothing of it is lost in a heading."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and " ".join(name.split()) == name


def heading_of(name: str) -> str:
    """The name itself, but where it would mean something else, or be a formula."""
    plain = not is_dangerous(name) and not name.isdecimal() and not name.startswith("'")
    if plain and meaning(0, name, {}, FIELDS["clients"]) == PREFIX + name:
        return name
    return PREFIX + name

"""The user's options for reading a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """How to read a file; empty options are detected."""

    encoding: str = ""
    separator: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    #: The name of the sheet of a workbook.
    sheet: str = ""
    #: The line of the header; 0 means that the file has none.
    header_line: int | None = None
    #: Numbers without +7: `complete` or `refuse`.
    numbers_without_code: str = "complete"
    #: Landline and toll-free numbers: `accept` or `refuse`; empty means the deployment's rule.
    numbers_without_sms: str = ""
    #: Types of attributes by name: text, number, date, boolean; "" means cell by cell.
    types: Mapping[str, str] = field(default_factory=dict)

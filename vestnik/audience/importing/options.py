"""How somebody wants a file to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """How to read a file; what is empty is found out."""

    encoding: str = ""
    separator: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    #: The name of the sheet of a workbook.
    sheet: str = ""
    #: The line of the header; 0 where the file has none.
    header_line: int | None = None
    #: Numbers without +7: `complete` or `refuse`.
    numbers_without_code: str = "complete"
    #: Landline and toll-free numbers: `accept` or `refuse`; empty is as the deployment has it.
    numbers_without_sms: str = ""
    #: What attributes are, by their names: text, number, date, boolean, or "" as each cell says.
    types: Mapping[str, str] = field(default_factory=dict)

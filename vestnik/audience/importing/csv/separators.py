"""Detects the separator of a CSV file by its first rows, not by its header alone."""

import csv
import re
from collections import Counter

from vestnik.audience.importing.columns.cell_text import is_like_phone

CANDIDATES = (";", "\t", ",", "|")
#: Excel writes such a first line when it saves a file for another locale.
NAMED = re.compile(r'\ufeff?"?sep=(.)"?\s*', re.IGNORECASE)
#: As many rows as the header is searched in.
LOOKED_AT = 30


def named_separator(line: str) -> str:
    """Return the separator that a first line `sep=;` of Excel names; empty if it names none."""
    match = NAMED.fullmatch(line)
    return match[1] if match else ""


def separator_of(head: str) -> str:
    """Return the separator that gives most rows a phone number, or else equal widths."""
    lines = [line for line in head.splitlines(keepends=True) if line.strip()]
    if lines and (separator := named_separator(lines[0])):
        return separator
    whole = lines[:-1] if len(lines) > 1 and not head.endswith(("\n", "\r")) else lines
    best = max(CANDIDATES, key=lambda separator: _score(whole, separator))
    return best if any(best in line for line in lines) else ","


def _score(lines: list[str], separator: str) -> tuple[int, int, int]:
    rows = _rows(lines, separator)
    phones = sum(any(map(is_like_phone, row)) for row in rows if len(row) > 1)
    widths = Counter(len(row) for row in rows if len(row) > 1)
    width, times = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    return phones, times, width


def _rows(lines: list[str], separator: str) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        for row in reader:
            rows.append(row)
            if len(rows) == LOOKED_AT:
                break
    except csv.Error:
        pass
    return rows

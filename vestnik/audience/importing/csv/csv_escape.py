"""Writes cells so that no spreadsheet takes them for formulas.

Source: OWASP, "CSV Injection".
"""

import json
import re
import unicodedata

#: Full-width variants included: East Asian editions of spreadsheets treat them alike.
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
BREAKS = "\t\r\n"
#: A Russian spreadsheet reads it as a number, and with a quote as a text.
NEGATIVE_FRACTION = re.compile(r"-[0-9]{1,17},[0-9]{1,17}", re.ASCII)
#: Letters by their Unicode category, but without a glyph.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"


def written(value: object) -> str:
    """Return the value as the text of a cell that is not a formula."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return harmless(str(value))


def harmless(text: str) -> str:
    """Return the text, with a quote before it if it could be a formula; -1,5 is none."""
    return f"'{text}" if is_dangerous(text) and not NEGATIVE_FRACTION.fullmatch(text) else text


def is_dangerous(text: str) -> bool:
    """Return whether it begins like a formula, also after invisible characters are trimmed."""
    if not text or (text[0].isalnum() and text[0] not in FILLERS):
        return False
    return text[0] in BREAKS or next((one for one in text if not _is_unseen(one)), " ") in SIGNS


def _is_unseen(letter: str) -> bool:
    return letter in FILLERS or unicodedata.category(letter)[0] in "CZ"

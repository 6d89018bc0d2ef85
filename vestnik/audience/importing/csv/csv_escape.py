"""Cells of the files that we write."""

import json
import unicodedata

#: Also in their full width, which East Asian editions of spreadsheets take for the same.
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
BREAKS = "\t\r\n"
#: Letters by their category that nobody sees.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"


def written(value: object) -> str:
    """A value as the text of a cell that no spreadsheet takes for a formula."""
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
    """The text so that no spreadsheet takes it for a formula: a quote before it says "text"."""
    return f"'{text}" if is_dangerous(text) else text


def is_dangerous(text: str) -> bool:
    """Whether it begins as a formula does, or would once what cannot be seen before is cut off."""
    if not text or (text[0].isalnum() and text[0] not in FILLERS):
        return False
    return text[0] in BREAKS or next((one for one in text if not _is_unseen(one)), " ") in SIGNS


def _is_unseen(letter: str) -> bool:
    return letter in FILLERS or unicodedata.category(letter)[0] in "CZ"

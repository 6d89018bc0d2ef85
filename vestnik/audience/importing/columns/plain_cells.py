"""Cells of columns without a declared type: their values, and those of failed formulas."""

import re

#: A longer number would lose digits as a double, so it stays a text.
LONGEST_WHOLE = 15

#: What Excel and LibreOffice show for a failed formula, in English and in Russian.
ERRORS = frozenset({
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!",
    "#CALC!", "#FIELD!", "#BUSY!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#Н/Д", "#ССЫЛКА!",
    "#ЗНАЧ!", "#ДЕЛ/0!", "#ИМЯ?", "#ЧИСЛО!", "#ПУСТО!", "#ПЕРЕНОС!",
})  # fmt: skip
#: LibreOffice Calc writes its errors as Err:502 and the like.
OF_CALC = re.compile(r"Err:[0-9]{3}")


def is_error(cell: str) -> bool:
    """Return whether the cell shows a failed formula."""
    if not cell.startswith(("#", "Err:")):
        return False
    return cell.strip().upper() in ERRORS or bool(OF_CALC.fullmatch(cell.strip()))


def typed(value: str) -> str | int | float:
    """Return a number if it is written the same way again (so 007 and 1.50 stay texts)."""
    if value[0] not in "-0123456789" or len(value) > LONGEST_WHOLE:
        return value
    try:
        number: int | float = float(value) if "." in value else int(value)
    except ValueError:
        return value
    return number if str(number) == value else value

"""Sentences of the versions before, why a file or a row was not taken, as codes with parameters.

Nothing but migrations uses this: what is stored since then has its code from the start.
"""

import json
import re
from functools import lru_cache
from typing import Any

FIELDS = ("phone_number", "operator_code", "tag", "timezone", "reason", "exact_values")
HOW_TO_WRITE = " Write it as 7XXXXXXXXXX, eleven digits of which the first is 7."
#: Whole numbers.
WHOLE = ("line", "most", "cells", "columns", "count", "number", "second")

SENTENCES = (
    ("number_missing", "The row has no phone number: give one."),
    (
        "number_cut",
        "The sheet has cut the number's last digits off: format the column as text and save anew.",
    ),
    ("number_letter", "There is a letter in the number."),
    ("number_character", "No phone number holds the character %(seen)s."),
    ("numbers_several", "There seem to be several numbers: give each a row of its own."),
    (
        "number_foreign",
        "This is a foreign number: it begins with +%(code)s, and only those with +7 are taken.",
    ),
    ("number_no_country", "No country has the code +%(code)s."),
    (
        "number_plus_eight",
        "It begins with +8, which is no country's code: write +7 in its place.",
    ),
    ("number_after_seven", "It has %(count)s digits after +7, and ten are needed."),
    ("number_one_missing", "It has ten digits and begins with %(first)s: one digit is missing."),
    (
        "number_not_mobile",
        "It has ten digits, and no mobile number begins with %(code)s: it is completed only where it can be one.",
    ),
    (
        "number_no_such_code",
        "No number of Russia or Kazakhstan begins with %(code)s after the 8.",
    ),
    ("number_other_first", "It has eleven digits and begins with %(first)s, not with 7 or 8."),
    ("number_too_short", "It has too few digits: %(count)s."),
    ("number_too_long", "It has too many digits: %(count)s."),
    (
        "number_without_code",
        "It is written without +7, and such numbers are refused here: write %(meant)s if that is meant.",
    ),
    (
        "number_without_sms",
        "It is a landline or toll-free number, which gets no SMS, and such are refused here: give a mobile one.",
    ),
    ("number_repeated", "Line %(line)s has this number already: give each number once."),
    ("number_erased", "It was erased on request after the file was handed in."),
    ("on_sheet", "Sheet %(sheet)s, line %(line)s: %(reason)s"),
    (
        "too_many_cells",
        "The row has %(cells)s cells and the header %(columns)s: quote a value that holds the separator.",
    ),
    ("many_cells", "It has %(count)s cells."),
    ("operator_code_wrong", "Write three digits, for example 926."),
    ("value_too_long", "Shorten it to at most %(most)s characters."),
    ("zone_wrong", "Name a time zone, for example Europe/Moscow, МСК+2 or UTC+5."),
    ("attributes_too_large", "The attributes take over %(most)s KiB: shorten or drop some."),
    ("formula_error", "The cell holds the error %(error)s: correct its formula."),
    (
        "quote_unclosed",
        "A quote is opened and not closed, or something stands after the closing one: fix it.",
    ),
    ("holds_nul", "It has a NUL character: delete it."),
    ("no_number", "This is no number: write it as 4512.29 or 4 512,29."),
    ("two_numbers", "This may be read as two numbers: write 1234 or 1.234 without a comma."),
    ("no_date", "This is no date: write it as 2026-03-31 or 31.03.2026."),
    ("two_dates", "This may be read as two dates: write it as 2026-03-31 or 31.03.2026."),
    ("no_flag", "Write yes or no."),
    (
        "maybe_no_number",
        "It begins with 0 and may be no number: say that the column is one of numbers.",
    ),
    (
        "maybe_no_date",
        "Its year has no four digits and it may be no date: write it as 2026-03-31.",
    ),
    (
        "not_of_an_export",
        "This is not what an export writes there: delete the column, or export the clients again.",
    ),
    ("wrote_to", "wrote to %(alias)s"),
    ("file_empty", "The file is empty: it needs a header and a row for each client."),
    ("no_rows", "The file holds no rows: it needs a header and a row for each client."),
    ("file_too_large", "Send at most %(most)s MiB at once."),
    (
        "old_workbook",
        "This is an old .xls file, or one with a password: save the sheet as XLSX or CSV and import that.",
    ),
    ("is_pdf", "This is a PDF: save the sheet as XLSX or CSV and import that."),
    ("is_rtf", "This is an RTF text: save the sheet as XLSX or CSV and import that."),
    ("no_table", "This is neither CSV nor XLSX: save the sheet as XLSX or CSV and import that."),
    ("is_packed", "This file is packed by %(packer)s: unpack it first."),
    (
        "no_workbook",
        "This is an archive, but no XLSX file: send the list itself, as CSV or XLSX, not packed.",
    ),
    ("workbook_damaged", "This XLSX file is damaged: open it in Excel and save it anew."),
    (
        "workbook_too_large",
        "This XLSX file unpacks to far more than a list of clients would: save it anew.",
    ),
    (
        "workbook_document_type",
        "This XLSX file declares a document type, which Excel never does: save it anew.",
    ),
    ("workbook_password", "This XLSX file has a password: save it without one."),
    (
        "workbook_texts",
        "This XLSX file holds too much text: save the sheet as CSV and import that.",
    ),
    (
        "beyond_last_line",
        "A row says that it is beyond line %(line)s, the last of a sheet: save it anew.",
    ),
    (
        "too_many_columns",
        "Line %(line)s has more than %(most)s columns: delete those that are not needed.",
    ),
    ("cell_too_long", "Line %(line)s has a cell of more than 64 KiB."),
    ("line_too_long", "Line %(line)s: it is longer than 256 KiB. Is this a CSV file?"),
    (
        "not_decoded",
        "It has bytes that are no %(encoding)s: save the file as UTF-8, or name its encoding.",
    ),
    ("header_wrong", "Line %(line)s, the header: %(reason)s"),
    (
        "columns_alike",
        "Line %(line)s: columns %(places)s are both %(field)s: rename one, or say in mapping what each is.",
    ),
    (
        "column_name_wrong",
        "Line %(line)s: column %(number)s: name it by at most %(most)s printable letters.",
    ),
    (
        "no_number_column",
        "Line %(line)s: no column is named as the phone number (phone_number, phone, телефон, номер…). Columns found: %(names)s. Name one so, or say which it is in mapping.",
    ),
    (
        "header_is_client",
        "Line %(line)s: it holds a number and looks like a client, not like a header. If the file has no header, say so (header_line 0), and say in mapping which column is the phone number.",
    ),
    (
        "no_header",
        'The file has no header: say in mapping what its columns are, by their numbers, for example {"1": "phone_number"}, or give it a header.',
    ),
    (
        "header_line_wrong",
        "header_line: line %(line)s is not among the first %(most)s rows that hold something: give the line of the header, or 0 where there is none.",
    ),
    ("sheet_missing", "sheet: there is no sheet %(name)s. There are: %(names)s."),
    (
        "only_hidden_sheets",
        "Only hidden sheets of this file hold rows: %(names)s. To read one, name it in sheet.",
    ),
    (
        "several_sheets",
        "Several sheets hold clients, under different headers: %(names)s. Name one in sheet.",
    ),
    (
        "mapping_ambiguous",
        "mapping: %(name)s is the heading of column %(number)s and the number of another: say what every column is, by its number.",
    ),
    (
        "mapping_named_twice",
        "mapping: columns %(first)s and %(second)s are both named %(name)s: say which by its number.",
    ),
    ("mapping_missing", "mapping: there is no column %(name)s. There are: %(names)s."),
    (
        "file_too_heavy",
        "Reading this file takes more time or memory than it may: save the sheet as CSV and import that.",
    ),
    ("readers_busy", "Other files are being looked at just now: try again in a minute."),
    (
        "import_stopped",
        "Its process was stopped in the middle. Nothing was taken: start it again.",
    ),
    (
        "import_given_up",
        "It was stopped in the middle three times. Nothing was taken: send the file again.",
    ),
)
PLACE = re.compile(r"%\\\((\w+)\\\)s")
PATTERNS = tuple(
    (code, re.compile(PLACE.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL))
    for code, text in SENTENCES
)
OF_SHEET = re.compile(r"Sheet (?P<sheet>.+?), line (?P<line>\d+): (?P<reason>.+)", re.DOTALL)
OF_FIELD = re.compile(r"(?P<field>[^:]{1,100}): (?P<reason>.+)", re.DOTALL)

Data = dict[str, Any]


def data_of(sentence: str) -> Data | None:
    """A stored sentence as a code with its parameters; None where it is none of ours."""
    if match := OF_SHEET.fullmatch(sentence):
        return _made("on_sheet", match.groupdict())
    if found := _of_sentence(sentence.removesuffix(HOW_TO_WRITE)):
        return found
    match = OF_FIELD.fullmatch(sentence)
    if match and (match["field"] in FIELDS or _of_sentence(match["reason"])):
        return _made("field_wrong", match.groupdict())
    return None


def _of_sentence(sentence: str) -> Data | None:
    for code, pattern in PATTERNS:
        if match := pattern.fullmatch(sentence):
            return _made(code, match.groupdict())
    return None


def _made(code: str, named: dict[str, str]) -> Data:
    return {"code": code, "params": {name: _read(name, word) for name, word in named.items()}}


def _read(name: str, word: str) -> Any:
    if name == "reason":
        return data_of(word) or word
    return int(word) if name in WHOLE and word.isdecimal() else word


@lru_cache(maxsize=10_000)
def stored_as(sentence: str) -> str | None:
    """The same, as it is written into a column."""
    data = data_of(sentence)
    return data and json.dumps(data)

"""The texts of reasons why a file, a row of it or a number is refused: see `catalogue`."""

from collections.abc import Mapping

from vestnik.reasons.codes import Code
from vestnik.reasons.text import Text, gettext_noop

HOW_TO_WRITE = gettext_noop("Write it as 7XXXXXXXXXX, eleven digits of which the first is 7.")

NUMBERS = {
    Code.NUMBER_MISSING: Text(gettext_noop("The row has no phone number: give one.")),
    Code.NUMBER_CUT: Text(
        gettext_noop(
            "The sheet has cut the number's last digits off: format the column as text and "
            "save anew."
        )
    ),
    Code.NUMBER_LETTER: Text(gettext_noop("There is a letter in the number."), remedy=HOW_TO_WRITE),
    Code.NUMBER_CHARACTER: Text(
        gettext_noop("No phone number holds the character %(seen)s."), remedy=HOW_TO_WRITE
    ),
    Code.NUMBERS_SEVERAL: Text(
        gettext_noop("There seem to be several numbers: give each a row of its own."),
        remedy=HOW_TO_WRITE,
    ),
    Code.NUMBER_FOREIGN: Text(
        gettext_noop(
            "This is a foreign number: it begins with +%(code)s, and only those with +7 are "
            "taken."
        )
    ),
    Code.NUMBER_NO_COUNTRY: Text(
        gettext_noop("No country has the code +%(code)s."), remedy=HOW_TO_WRITE
    ),
    Code.NUMBER_PLUS_EIGHT: Text(
        gettext_noop("It begins with +8, which is no country's code: write +7 in its place.")
    ),
    Code.NUMBER_AFTER_SEVEN: Text(
        gettext_noop("It has %(count)s digits after +7, and ten are needed."), remedy=HOW_TO_WRITE
    ),
    Code.NUMBER_ONE_MISSING: Text(
        gettext_noop("It has ten digits and begins with %(first)s: one digit is missing."),
        remedy=HOW_TO_WRITE,
    ),
    Code.NUMBER_NOT_MOBILE: Text(
        gettext_noop(
            "It has ten digits, and no mobile number begins with %(code)s: it is completed "
            "only where it can be one."
        ),
        remedy=HOW_TO_WRITE,
    ),
    Code.NUMBER_NO_SUCH_CODE: Text(
        gettext_noop("No number of Russia or Kazakhstan begins with %(code)s after the 8."),
        remedy=HOW_TO_WRITE,
    ),
    Code.NUMBER_OTHER_FIRST: Text(
        gettext_noop("It has eleven digits and begins with %(first)s, not with 7 or 8."),
        remedy=HOW_TO_WRITE,
    ),
    Code.NUMBER_TOO_SHORT: Text(
        gettext_noop("It has too few digits: %(count)s."), remedy=HOW_TO_WRITE
    ),
    Code.NUMBER_TOO_LONG: Text(
        gettext_noop("It has too many digits: %(count)s."), remedy=HOW_TO_WRITE
    ),
    Code.NUMBER_WITHOUT_CODE: Text(
        gettext_noop(
            "It is written without +7, and such numbers are refused here: write %(meant)s "
            "if that is meant."
        )
    ),
    Code.NUMBER_WITHOUT_SMS: Text(
        gettext_noop(
            "It is a landline or toll-free number, which gets no SMS, and such are refused "
            "here: give a mobile one."
        )
    ),
    Code.NUMBER_REPEATED: Text(
        gettext_noop("Line %(line)s has this number already: give each number once.")
    ),
    Code.NUMBER_ERASED: Text(
        gettext_noop("It was erased on request after the file was handed in.")
    ),
}
ROWS = {
    Code.FIELD_WRONG: Text("%(field)s: %(reason)s", "%(field)s: %(reason)s"),
    Code.ON_SHEET: Text(gettext_noop("Sheet %(sheet)s, line %(line)s: %(reason)s")),
    Code.TOO_MANY_CELLS: Text(
        gettext_noop(
            "The row has %(cells)s cells and the header %(columns)s: quote a value that "
            "holds the separator."
        )
    ),
    Code.MANY_CELLS: Text(gettext_noop("It has %(count)s cells.")),
    Code.OPERATOR_CODE_WRONG: Text(gettext_noop("Write three digits, for example 926.")),
    Code.VALUE_TOO_LONG: Text(gettext_noop("Shorten it to at most %(most)s characters.")),
    Code.ZONE_WRONG: Text(
        gettext_noop("Name a time zone, for example Europe/Moscow, МСК+2 or UTC+5.")
    ),
    Code.ATTRIBUTES_TOO_LARGE: Text(
        gettext_noop("The attributes take over %(most)s KiB: shorten or drop some.")
    ),
    Code.FORMULA_ERROR: Text(
        gettext_noop("The cell holds the error %(error)s: correct its formula.")
    ),
    Code.QUOTE_UNCLOSED: Text(
        gettext_noop(
            "A quote is opened and not closed, or something stands after the closing one: "
            "fix it."
        )
    ),
    Code.HOLDS_NUL: Text(gettext_noop("It has a NUL character: delete it.")),
    Code.NO_NUMBER: Text(gettext_noop("This is no number: write it as 4512.29 or 4 512,29.")),
    Code.TWO_NUMBERS: Text(
        gettext_noop("This may be read as two numbers: write 1234 or 1.234 without a comma.")
    ),
    Code.NO_DATE: Text(gettext_noop("This is no date: write it as 2026-03-31 or 31.03.2026.")),
    Code.TWO_DATES: Text(
        gettext_noop("This may be read as two dates: write it as 2026-03-31 or 31.03.2026.")
    ),
    Code.NO_FLAG: Text(gettext_noop("Write yes or no.")),
    Code.MAYBE_NO_NUMBER: Text(
        gettext_noop(
            "It begins with 0 and may be no number: say that the column is one of numbers."
        )
    ),
    Code.MAYBE_NO_DATE: Text(
        gettext_noop("Its year has no four digits and it may be no date: write it as 2026-03-31.")
    ),
    Code.NOT_OF_AN_EXPORT: Text(
        gettext_noop(
            "This is not what an export writes there: delete the column, or export the "
            "clients again."
        )
    ),
    Code.WROTE_TO: Text(gettext_noop("wrote to %(alias)s")),
}
FILES = {
    Code.FILE_EMPTY: Text(
        gettext_noop("The file is empty: it needs a header and a row for each client.")
    ),
    Code.NO_ROWS: Text(
        gettext_noop("The file holds no rows: it needs a header and a row for each client.")
    ),
    Code.FILE_TOO_LARGE: Text(gettext_noop("Send at most %(most)s MiB at once.")),
    Code.OLD_WORKBOOK: Text(
        gettext_noop(
            "This is an old .xls file, or one with a password: save the sheet as XLSX or "
            "CSV and import that."
        )
    ),
    Code.IS_PDF: Text(
        gettext_noop("This is a PDF: save the sheet as XLSX or CSV and import that.")
    ),
    Code.IS_RTF: Text(
        gettext_noop("This is an RTF text: save the sheet as XLSX or CSV and import that.")
    ),
    Code.NO_TABLE: Text(
        gettext_noop("This is neither CSV nor XLSX: save the sheet as XLSX or CSV and import that.")
    ),
    Code.IS_PACKED: Text(gettext_noop("This file is packed by %(packer)s: unpack it first.")),
    Code.NO_WORKBOOK: Text(
        gettext_noop(
            "This is an archive, but no XLSX file: send the list itself, as CSV or XLSX, "
            "not packed."
        )
    ),
    Code.WORKBOOK_DAMAGED: Text(
        gettext_noop("This XLSX file is damaged: open it in Excel and save it anew.")
    ),
    Code.WORKBOOK_TOO_LARGE: Text(
        gettext_noop(
            "This XLSX file unpacks to far more than a list of clients would: save it anew."
        )
    ),
    Code.WORKBOOK_DOCUMENT_TYPE: Text(
        gettext_noop(
            "This XLSX file declares a document type, which Excel never does: save it anew."
        )
    ),
    Code.WORKBOOK_PASSWORD: Text(
        gettext_noop("This XLSX file has a password: save it without one.")
    ),
    Code.WORKBOOK_TEXTS: Text(
        gettext_noop("This XLSX file holds too much text: save the sheet as CSV and import that.")
    ),
    Code.BEYOND_LAST_LINE: Text(
        gettext_noop(
            "A row says that it is beyond line %(line)s, the last of a sheet: save it anew."
        )
    ),
    Code.TOO_MANY_COLUMNS: Text(
        gettext_noop(
            "Line %(line)s has more than %(most)s columns: delete those that are not needed."
        )
    ),
    Code.CELL_TOO_LONG: Text(gettext_noop("Line %(line)s has a cell of more than 64 KiB.")),
    Code.LINE_TOO_LONG: Text(
        gettext_noop("Line %(line)s: it is longer than 256 KiB. Is this a CSV file?")
    ),
    Code.NOT_DECODED: Text(
        gettext_noop(
            "It has bytes that are no %(encoding)s: save the file as UTF-8, or name its "
            "encoding."
        )
    ),
    Code.HEADER_WRONG: Text(gettext_noop("Line %(line)s, the header: %(reason)s")),
    Code.COLUMNS_ALIKE: Text(
        gettext_noop(
            "Line %(line)s: columns %(places)s are both %(field)s: rename one, or say in "
            "mapping what each is."
        )
    ),
    Code.COLUMN_NAME_WRONG: Text(
        gettext_noop(
            "Line %(line)s: column %(number)s: name it by at most %(most)s printable " "letters."
        )
    ),
    Code.NO_NUMBER_COLUMN: Text(
        gettext_noop(
            "Line %(line)s: no column is named as the phone number (phone_number, phone, "
            "телефон, номер…). Columns found: %(names)s. Name one so, or say which it is in "
            "mapping."
        )
    ),
    Code.HEADER_IS_CLIENT: Text(
        gettext_noop(
            "Line %(line)s: it holds a number and looks like a client, not like a header. "
            "If the file has no header, say so (header_line 0), and say in mapping which "
            "column is the phone number."
        )
    ),
    Code.NO_HEADER: Text(
        gettext_noop(
            "The file has no header: say in mapping what its columns are, by their numbers, "
            'for example {"1": "phone_number"}, or give it a header.'
        )
    ),
    Code.HEADER_LINE_WRONG: Text(
        gettext_noop(
            "header_line: line %(line)s is not among the first %(most)s rows that hold "
            "something: give the line of the header, or 0 where there is none."
        )
    ),
    Code.SHEET_MISSING: Text(
        gettext_noop("sheet: there is no sheet %(name)s. There are: %(names)s.")
    ),
    Code.ONLY_HIDDEN_SHEETS: Text(
        gettext_noop(
            "Only hidden sheets of this file hold rows: %(names)s. To read one, name it in "
            "sheet."
        )
    ),
    Code.SEVERAL_SHEETS: Text(
        gettext_noop(
            "Several sheets hold clients, under different headers: %(names)s. Name one in " "sheet."
        )
    ),
    Code.MAPPING_AMBIGUOUS: Text(
        gettext_noop(
            "mapping: %(name)s is the heading of column %(number)s and the number of "
            "another: say what every column is, by its number."
        )
    ),
    Code.MAPPING_NAMED_TWICE: Text(
        gettext_noop(
            "mapping: columns %(first)s and %(second)s are both named %(name)s: say which "
            "by its number."
        )
    ),
    Code.MAPPING_MISSING: Text(
        gettext_noop("mapping: there is no column %(name)s. There are: %(names)s.")
    ),
    Code.FILE_TOO_HEAVY: Text(
        gettext_noop(
            "Reading this file takes more time or memory than it may: save the sheet as CSV "
            "and import that."
        )
    ),
    Code.READERS_BUSY: Text(
        gettext_noop("Other files are being looked at just now: try again in a minute.")
    ),
    Code.IMPORT_STOPPED: Text(
        gettext_noop("Its process was stopped in the middle. Nothing was taken: start it again.")
    ),
    Code.IMPORT_GIVEN_UP: Text(
        gettext_noop(
            "It was stopped in the middle three times. Nothing was taken: send the file " "again."
        )
    ),
}
TEXTS: Mapping[Code, Text] = {**NUMBERS, **ROWS, **FILES}

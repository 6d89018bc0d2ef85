"""Why a file, or a row of it, was not taken, and a number stopped, in the reader's language.

Reasons are stored in English, as the API and the command line say them. Each is found here by its
own English text, in which a name stands for what differs.
"""

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from vestnik.audience import phone_parsing

FIELDS: dict[str, Promise] = {
    "phone_number": gettext_lazy("Phone number"),
    "operator_code": gettext_lazy("Prefix"),
    "tag": gettext_lazy("Tag"),
    "timezone": gettext_lazy("Time zone"),
    "reason": gettext_lazy("Reason"),
}

SENTENCES = (
    # of a row
    *phone_parsing.SENTENCES,
    # of rows that the version before refused
    gettext_noop("This is no number that begins with 7."),
    gettext_noop("It has too few digits."),
    gettext_noop("It has too many digits."),
    gettext_noop(
        "The row has %(cells)s cells and the header %(columns)s: quote a value that holds "
        "the separator."
    ),
    gettext_noop("Line %(line)s has this number already: give each number once."),
    gettext_noop("Write three digits, for example 926."),
    gettext_noop("Shorten it to at most %(most)s characters."),
    gettext_noop("Name a zone of the IANA database, for example Europe/Moscow."),
    gettext_noop("Name a time zone, for example Europe/Moscow, МСК+2 or UTC+5."),
    gettext_noop("The attributes take over %(most)s KiB: shorten or drop some."),
    gettext_noop(
        "A quote is opened and not closed, or something stands after the closing one: fix " "it."
    ),
    gettext_noop(
        "It has bytes that are no %(encoding)s: save the file as UTF-8, or name its " "encoding."
    ),
    gettext_noop("It has a NUL character: delete it."),
    gettext_noop("It has %(count)s cells."),
    gettext_noop("The cell holds the error %(error)s: correct its formula."),
    gettext_noop("%(name)s: This is no number: write it as 4512.29 or 4 512,29."),
    gettext_noop("%(name)s: This may be read as two numbers: write 1234 or 1.234 without a comma."),
    gettext_noop("%(name)s: This is no date: write it as 2026-03-31 or 31.03.2026."),
    gettext_noop("%(name)s: This may be read as two dates: write it as 2026-03-31 or 31.03.2026."),
    gettext_noop("%(name)s: Write yes or no."),
    gettext_noop(
        "%(name)s: It begins with 0 and may be no number: say that the column is one of numbers."
    ),
    gettext_noop(
        "%(name)s: Its year has no four digits and it may be no date: write it as 2026-03-31."
    ),
    gettext_noop(
        "exact_values: This is not what an export writes there: delete the column, or export the "
        "clients again."
    ),
    gettext_noop("It was erased on request after the file was handed in."),
    # of an entry of the stop list
    gettext_noop("wrote to %(alias)s"),
    # of a file
    gettext_noop("The file is empty: it needs a header and a row for each client."),
    gettext_noop("The file holds no rows: it needs a header and a row for each client."),
    gettext_noop("Send at most %(most)s MiB at once."),
    gettext_noop(
        "This is an old .xls file, or one with a password: save the sheet as XLSX or CSV "
        "and import that."
    ),
    gettext_noop("This is a PDF: save the sheet as XLSX or CSV and import that."),
    gettext_noop("This is an RTF text: save the sheet as XLSX or CSV and import that."),
    gettext_noop("This is neither CSV nor XLSX: save the sheet as XLSX or CSV and import that."),
    gettext_noop("This file is packed by %(packer)s: unpack it first."),
    gettext_noop(
        "This is an archive, but no XLSX file: send the list itself, as CSV or XLSX, not " "packed."
    ),
    gettext_noop("This XLSX file is damaged: open it in Excel and save it anew."),
    gettext_noop("This XLSX file unpacks to far more than a list of clients would: save it anew."),
    gettext_noop("This XLSX file declares a document type, which Excel never does: save it anew."),
    gettext_noop("This XLSX file has a password: save it without one."),
    gettext_noop("This XLSX file holds too much text: save the sheet as CSV and import that."),
    gettext_noop("A row says that it is beyond line %(line)s, the last of a sheet: save it anew."),
    gettext_noop("Line %(line)s has more than %(most)s columns: delete those that are not needed."),
    gettext_noop("Line %(line)s has a cell of more than 64 KiB."),
    gettext_noop("Line %(line)s: it is longer than 256 KiB. Is this a CSV file?"),
    gettext_noop("Line %(line)s, the header: %(why)s"),
    gettext_noop("Sheet %(sheet)s, line %(line)s: %(why)s"),
    gettext_noop(
        "Line %(line)s: columns %(places)s are both %(field)s: rename one, or say in mapping what "
        "each is."
    ),
    gettext_noop(
        "Line %(line)s: column %(number)s: name it by at most %(most)s printable letters."
    ),
    gettext_noop(
        "Line %(line)s: no column is named as the phone number (phone_number, phone, телефон, "
        "номер…). Columns found: %(names)s. Name one so, or say which it is in mapping."
    ),
    gettext_noop(
        "Line %(line)s: it holds a number and looks like a client, not like a header. If the file "
        "has no header, say so (header_line 0), and say in mapping which column is the phone "
        "number."
    ),
    gettext_noop(
        "The file has no header: say in mapping what its columns are, by their numbers, for "
        'example {"1": "phone_number"}, or give it a header.'
    ),
    gettext_noop(
        "header_line: line %(line)s is not among the first %(most)s rows that hold something: "
        "give the line of the header, or 0 where there is none."
    ),
    gettext_noop("sheet: there is no sheet %(name)s. There are: %(names)s."),
    gettext_noop(
        "Only hidden sheets of this file hold rows: %(names)s. To read one, name it in sheet."
    ),
    gettext_noop(
        "Several sheets hold clients, under different headers: %(names)s. Name one in sheet."
    ),
    gettext_noop(
        "mapping: %(name)s is the heading of column %(number)s and the number of another: say "
        "what every column is, by its number."
    ),
    gettext_noop(
        "mapping: columns %(first)s and %(second)s are both named %(name)s: say which by its "
        "number."
    ),
    gettext_noop(
        "Reading this file takes more time or memory than it may: save the sheet as CSV and "
        "import that."
    ),
    gettext_noop("Other files are being looked at just now: try again in a minute."),
    gettext_noop("mapping: there is no column %(name)s. There are: %(names)s."),
    gettext_noop(
        "It was stopped in the middle three times. Nothing was taken: send the file again."
    ),
    gettext_noop("Its process was stopped in the middle. Nothing was taken: start it again."),
)
OF_FIELD = re.compile(rf"({'|'.join(FIELDS)}): (.+)", re.DOTALL)
PLACE = re.compile(r"%\\\((\w+)\\\)s")


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(PLACE.sub(r"(?P<\1>.+?)", re.escape(sentence)), re.DOTALL)


PATTERNS = tuple((_pattern(sentence), sentence) for sentence in SENTENCES)


def said(reason: str) -> str:
    """The reason as the reader understands it; one that is not known as it is."""
    if match := OF_FIELD.fullmatch(reason):
        return f"{FIELDS[match[1]]}: {said(match[2])}"
    if (first := reason.removesuffix(f" {phone_parsing.FORM}")) != reason:
        return f"{said(first)} {gettext(phone_parsing.FORM)}"
    for pattern, sentence in PATTERNS:
        if match := pattern.fullmatch(reason):
            return gettext(sentence) % _parts(match.groupdict())
    return reason


def _parts(found: Mapping[str, str]) -> dict[str, str]:
    parts = dict(found)
    if "why" in parts:
        parts["why"] = said(parts["why"])
    if "field" in parts:
        parts["field"] = str(FIELDS.get(parts["field"], parts["field"].removeprefix("attributes.")))
    return parts

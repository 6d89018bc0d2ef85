"""Exported tables for people: headings, states, reasons and times for the reader.

Programs and imports get the same tables in raw form.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from vestnik.audience.importing.columns import exact_values
from vestnik.dashboard.wording.reasons import said
from vestnik.dashboard.wording.state_labels import MAILING_STATES, MESSAGE_STATES
from vestnik.dashboard.wording.typed_numbers import with_decimal_sign
from vestnik.dashboard.wording.zones import here
from vestnik.reports.files.exports import FIELDS, Row
from vestnik.reports.files.table_writers import Cell, Table

PARAMETER, FOR_PEOPLE = "for", "people"
HEADINGS: dict[str, Promise] = {
    "id": pgettext_lazy("heading", "№"),
    "client": _("Client №"),
    "phone_number": _("Phone number"),
    "operator_code": _("Prefix"),
    "tag": _("Tag"),
    "timezone": _("Time zone"),
    "state": _("State"),
    "segments": _("Segments"),
    "attempts": _("Attempts"),
    "provider_message_id": _("Number at the provider"),
    "error": _("Reason"),
    "created_at": _("Created, %(zone)s"),
    "sent_at": _("Sent, %(zone)s"),
    "delivered_at": _("Delivered, %(zone)s"),
    "text": _("Text"),
    "measure": _("Measure"),
    "value": _("Value"),
}
MEASURES: dict[str, Promise] = {
    "mailing": _("Mailing №"),
    "state": _("State"),
    "state_reason": _("Reason"),
    "progress.matched": _("Matched"),
    "settled": _("Outcome known"),
    "segments.per_message": _("Segments of a message"),
    "segments.sent": _("Segments sent"),
    "price": _("Price, ₽"),
    "seconds_under_way": _("Seconds from start to end"),
    "messages_per_second": _("Messages a second"),
    "started_at": _("Started, %(zone)s"),
    "enlisted_at": _("Audience complete, %(zone)s"),
    "finished_at": _("Finished, %(zone)s"),
}
#: Columns for programs; the reason's text has a column of its own.
FOR_PROGRAMS = ("reason_code", "reason_params")
PERCENT = gettext_noop("%(state)s, %%")
DAYS = {"ru": "%d.%m.%Y %H:%M:%S"}
USUAL = "%Y-%m-%d %H:%M:%S"

#: What an import takes for a thousand or for a fraction, see `cell_types.number`.
LIKE_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)

Reader = Callable[[Sequence[Cell]], Row]


def is_for_people(request: HttpRequest) -> bool:
    """Return whether the file is requested in the form for people."""
    return request.GET.get(PARAMETER) == FOR_PEOPLE


def clients(table: Table, form: str) -> Iterator[Row]:
    """Return clients without the column for imports."""
    rows = iter(table)
    head = list(next(rows))
    shown_columns = [n for n, name in enumerate(head) if name != exact_values.COLUMN]
    headings = [_heading(str(head[n])) if head[n] in FIELDS else head[n] for n in shown_columns]

    def read(row: Sequence[Cell]) -> Row:
        return [_importable(row[n], form) for n in shown_columns]

    return _read(headings, rows, read)


def messages(table: Table) -> Iterator[Row]:
    """Return the messages of a mailing."""
    rows = iter(table)
    head = [str(name) for name in next(rows)]
    state, error = head.index("state"), head.index("error")
    shown_columns = [n for n, name in enumerate(head) if name not in FOR_PROGRAMS]

    def read(row: Sequence[Cell]) -> Row:
        cells = list(row)
        cells[state] = str(MESSAGE_STATES.get(str(row[state]), row[state]))
        cells[error] = _said(row[error])
        return [cells[n] for n in shown_columns]

    return _read([_heading(head[n]) for n in shown_columns], rows, read)


def statistics(table: Table, form: str) -> Iterator[Row]:
    """Return the statistics of a mailing."""
    rows = iter(table)
    head = [_heading(str(name)) for name in next(rows)]

    def read(row: Sequence[Cell]) -> Row:
        name, value = _measure(row)
        return [name, _fraction(value, form)]

    return _read(head, (row for row in rows if row[0] not in FOR_PROGRAMS), read)


def _fraction(value: Cell, form: str) -> Cell:
    """Return a cell; in CSV, a fraction has the decimal sign of the reader."""
    # A Russian spreadsheet reads 2.5 in a CSV file as the second of May.
    if form != "csv" or translation.get_language() != "ru":
        return value
    if not isinstance(value, float | Decimal) or (isinstance(value, float) and value.is_integer()):
        return value
    return with_decimal_sign(f"{Decimal(str(value)):f}")


def _importable(value: Cell, form: str) -> Cell:
    """Return a cell; an import reads a fraction as what it is: 1,234 is written as 1,2340."""
    cell = _fraction(value, form)
    is_written = isinstance(cell, str) and not isinstance(value, str)
    return f"{cell}0" if is_written and LIKE_THOUSANDS.fullmatch(str(cell)) else cell


def _said(reason: Cell) -> str | None:
    return said(reason if isinstance(reason, str) else None) or None


def _measure(row: Sequence[Cell]) -> Row:
    name, value = str(row[0]), row[1]
    if name == "state":
        value = str(MAILING_STATES.get(str(value), value))
    elif name == "state_reason":
        value = _said(value)
    return [_name_of(name), value]


def _name_of(measure: str) -> str:
    if measure in MEASURES:
        return _in_columns(MEASURES[measure])
    part, _dot, state = measure.partition(".")
    label = MESSAGE_STATES.get(state)
    if label is None:
        return measure
    return str(label) if part == "progress" else translation.gettext(PERCENT) % {"state": label}


def _heading(name: str) -> str:
    return _in_columns(HEADINGS.get(name, name))


def _in_columns(heading: "Promise | str") -> str:
    text = str(heading)
    return text % {"zone": here()} if "%(zone)s" in text else text


def _read(head: Sequence[Cell], rows: Iterator[Sequence[Cell]], read: Reader) -> Iterator[Row]:
    """Return the rows in the current language and zone."""
    # Rows are read while the file is sent, after the request's own language and zone are reset.
    language, zone = translation.get_language(), timezone.get_current_timezone()
    yes, no = translation.gettext("yes"), translation.gettext("no")

    def cell(value: Cell) -> Cell:
        if isinstance(value, bool):
            return yes if value else no
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return _time(value, language, zone) if isinstance(value, datetime) else value

    def table() -> Iterator[Row]:
        yield list(head)
        for row in rows:
            with translation.override(language), timezone.override(zone):
                cells = [cell(value) for value in read(row)]
            yield cells

    return table()


def _time(value: datetime, language: str | None, zone: tzinfo) -> str:
    return value.astimezone(zone).strftime(DAYS.get(language or "", USUAL))

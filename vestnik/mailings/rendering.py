"""Texts with each client's own values, rendered and counted by the database.

It renders and counts a million texts in about two seconds; reading the clients into Python alone
takes longer. Constants are computed here once, so that only the client's values are computed per
client. Enlisting and preview use the same statement, so they cannot differ.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from psycopg import sql

from vestnik.audience.models import Client
from vestnik.audience.phone import GETS_NO_SMS
from vestnik.mailings.rendering_sql import (
    ERROR_CELLS,
    MOST_DIGITS,
    NO_VALUE_DATA,
    NO_VALUE_TEXT,
    PLAIN,
    RENDERED,
    SCIENTIFIC,
    STORED_DAY,
    STORED_MINUTE,
    WHY,
    WHY_PLAIN,
)
from vestnik.mailings.text import (
    FIELDS,
    GSM_BASIC,
    GSM_EXTENSION,
    INVISIBLE,
    MOST_SEGMENTS,
    ROOM_ALONE,
    ROOM_IN_A_PART,
    TRIMMED,
    Encoding,
    Piece,
    Placeholder,
    encoding_of,
    is_blank,
    parse,
    placeholders,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

NEEDED = ("id", "phone_number", "operator_code", "tag", "timezone", "attributes")
NEEDED_BY_ALL = ("id", "phone_number", "timezone")

#: Characters of two UTF-16 units.
ASTRAL = "[\U00010000-\U0010ffff]"
EXTENSION = "".join(sorted(GSM_EXTENSION))
SPECIAL_IN_BRACKETS = "\\[]^-"
FOREIGN = "[^{}]".format(
    "".join(
        f"\\{one}" if one in SPECIAL_IN_BRACKETS else one
        for one in sorted(GSM_BASIC | GSM_EXTENSION)
    )
)
TOO_LONG = Reason(Code.TOO_LONG, most=MOST_SEGMENTS)
STOPPED = Reason(Code.STOP_LIST)
NO_SMS = Reason(Code.NO_SMS)
NO_TEXT = Reason(Code.EMPTY_TEXT)
# A longer text has more than ten segments in either alphabet.
MOST_CHARACTERS = ROOM_IN_A_PART[Encoding.GSM_7] * MOST_SEGMENTS
#: A stand-in of this length for any longer text: it is refused for the same reason, and no text
#: takes more memory than its client's values.
TOO_MANY = f"repeat('a', {MOST_CHARACTERS} + 1)"
#: Up to this number of values a rendered text has a bounded size.
FEW_PLACES = 20

GSM_ALONE, UCS_ALONE = ROOM_ALONE[Encoding.GSM_7], ROOM_ALONE[Encoding.UCS_2]
GSM_ROOM, UCS_ROOM = ROOM_IN_A_PART[Encoding.GSM_7], ROOM_IN_A_PART[Encoding.UCS_2]


def quoted(text: str) -> str:
    """Return an SQL literal for a statement that takes parameters: percent signs are doubled."""
    return sql.Literal(str(text)).as_string().replace("%", "%%")


# The reasons that are the same for all clients, as SQL: the code, the text, the data.
REASONS = {"stopped": STOPPED, "no_sms": NO_SMS, "no_text": NO_TEXT, "too_long": TOO_LONG}
CODES = {name: quoted(reason.code) for name, reason in REASONS.items()}
REASON_TEXTS = {name: quoted(reason) for name, reason in REASONS.items()}
REASON_DATA = {name: f"{quoted(reason.json)}::jsonb" for name, reason in REASONS.items()}


def clients_sql(text: str, clients: QuerySet[Client]) -> tuple[str, tuple[Any, ...]]:
    """Return the query of the clients with the columns that `rendered_sql` needs, and its
    parameters.

    The stop list is joined: a subquery would be probed for each of a million clients and each time
    that it is mentioned.
    """
    slots = placeholders(parse(text))
    values = "".join(f", {_written(slot)} AS t{n}" for n, slot in enumerate(slots))
    columns = NEEDED if slots else NEEDED_BY_ALL
    selected, parameters = clients.values_list(*columns).query.sql_with_params()
    no_sms = GETS_NO_SMS.format(number="c.phone_number")
    statement = f"""
SELECT c.id, c.phone_number, c.timezone, s.id IS NOT NULL AS stopped,
    {no_sms} AS no_sms{values}
FROM ({selected}) c LEFT JOIN audience_stoplistentry s USING (phone_number)
"""
    return statement, parameters


def rendered_sql(text: str, clients_sql: str) -> str:
    """Return the query that renders the text for the clients of `clients_sql`.

    Its columns are `id`, `phone_number`, `timezone`; the refusal as `code`, `why` and `reason`,
    null without one; `text` and `segments`, null if all clients get the same text.
    """
    rendering = Rendering(text)
    if not rendering.slots:
        return PLAIN.format(picked=clients_sql, **rendering.why())
    return RENDERED.format(
        picked=clients_sql,
        **rendering.why(),
        **rendering.texts(),
        **rendering.sizes(),
        values=rendering.values(),
    )


class Rendering:
    """A parsed text, as fragments of the statement that renders it."""

    def __init__(self, text: str) -> None:
        self.pieces = parse(text)
        self.slots = placeholders(self.pieces)
        #: The placeholders in order; one that occurs twice counts twice.
        self.places = [piece for piece in self.pieces if isinstance(piece, Placeholder)]
        self.literal = "".join(piece for piece in self.pieces if isinstance(piece, str))

    def values(self) -> str:
        """Return the columns with the usable values of the slots."""
        return ", ".join(f"{_value(slot, f't{n}')} AS v{n}" for n, slot in enumerate(self.slots))

    def why(self) -> dict[str, str]:
        """Return the columns that say why a client gets nothing."""
        case, blank = WHY if self.slots else WHY_PLAIN, self._blank()
        # The names of the values that a client lacks.
        names = ", ".join(
            f"CASE WHEN v{n} IS NULL THEN {quoted(slot.name)} END"
            for n, slot in enumerate(self.slots)
        )
        columns = {
            "code": {"no_value": quoted(Code.NO_VALUE), **CODES},
            "why": {"no_value": NO_VALUE_TEXT.format(names=names), **REASON_TEXTS},
            "reason": {"no_value": NO_VALUE_DATA.format(names=names), **REASON_DATA},
        }
        return {
            column: case.format(blank=blank, most=MOST_SEGMENTS, **reasons)
            for column, reasons in columns.items()
        }

    def _blank(self) -> str:
        """Return the condition that a rendered text is blank."""
        if not is_blank(self.literal):
            return "false"
        if not self.slots:
            return "true"
        # Values are never blank, so it takes blank defaults.
        if all(slot.default is not None and is_blank(slot.default) for slot in self.slots):
            return f"btrim(text, {quoted(INVISIBLE)}) = ''"
        return "false"

    def texts(self) -> dict[str, str]:
        """Return the text, and the part of it that comes from the client's values."""
        text, own = (
            _joined(list(map(self._piece, pieces))) for pieces in (self.pieces, self.places)
        )
        # Few values cannot exhaust memory; many long ones could, so their length is tested first.
        if len(self.places) <= FEW_PLACES:
            return {"text": text, "own": own}
        lengths = [
            f"char_length(v{n}) * {self.places.count(slot)}" for n, slot in enumerate(self.slots)
        ]
        many = f"{' + '.join(lengths)} > {MOST_CHARACTERS}"
        return {
            name: f"CASE WHEN {many} THEN {TOO_MANY} ELSE {expression} END"
            for name, expression in (("text", text), ("own", own))
        }

    def _piece(self, piece: Piece) -> str:
        return quoted(piece) if isinstance(piece, str) else f"v{self.slots.index(piece)}"

    def sizes(self) -> dict[str, object]:
        """Return what the count of segments needs of the constant text, and their sizes."""
        literal, own = self.literal, ", ".join(f"v{n}" for n in range(len(self.slots)))
        is_foreign = encoding_of(literal) is Encoding.UCS_2
        return {
            "foreign": "true" if is_foreign else f"concat({own}) ~ {quoted(FOREIGN)}",
            "astral": sum(ord(one) > 0xFFFF for one in literal),
            "extension": sum(one in GSM_EXTENSION for one in literal),
            "extensions": quoted(EXTENSION),
            "astral_class": quoted(ASTRAL),
            "ucs_alone": UCS_ALONE,
            "gsm_alone": GSM_ALONE,
            "ucs_room": UCS_ROOM,
            "gsm_room": GSM_ROOM,
        }


def _joined(pieces: Sequence[str]) -> str:
    """Concatenate the pieces; null if one of them is null."""
    if len(pieces) == 1:
        return pieces[0]
    # A balanced tree: a chain of thousands is too deep for the parser, and `concat` takes at most a
    # hundred arguments.
    half = len(pieces) // 2
    return f"({_joined(pieces[:half])} || {_joined(pieces[half:])})"


def _written(slot: Placeholder) -> str:
    """Return the client's value in composed form, with one character per line end; only strings and
    numbers among the attributes are values."""
    if slot.name in FIELDS:
        return _composed(f"c.{slot.name}") if slot.name == "tag" else f"c.{slot.name}"
    name = quoted(slot.name)
    value = f"c.attributes -> {name}"
    return (
        f"CASE jsonb_typeof({value}) "
        f"WHEN 'string' THEN {_dated(f'c.attributes ->> {name}')} "
        f"WHEN 'number' THEN {_as_people_write(f'({value})::numeric')} END"
    )


def _dated(text: str) -> str:
    """Write a stored date as Russian readers do: 31.03.2026, or 31.03.2026 10:30."""
    text = f"({text})"
    # The length is tested first, since a pattern costs 1 µs per value.
    day = f"substr({text}, 9, 2) || '.' || substr({text}, 6, 2) || '.' || left({text}, 4)"
    return (
        f"CASE WHEN char_length({text}) NOT IN (10, 16, 19) THEN {_composed(text)} "
        f"WHEN {text} ~ {quoted(STORED_DAY)} THEN {day} "
        f"WHEN {text} ~ {quoted(STORED_MINUTE)} THEN {day} || ' ' || substr({text}, 12, 5) "
        f"ELSE {_composed(text)} END"
    )


def _composed(text: str) -> str:
    return f"normalize(replace({text}, E'\\r\\n', E'\\n'), NFC)"


def _as_people_write(number: str) -> str:
    """Write a number without an exponent and without trailing zeros."""
    digits = f"greatest(0, {MOST_DIGITS} - char_length(trunc(abs({number}))::text))"
    return f"trim_scale(round({number}, {digits}))::text"


def _value(slot: Placeholder, text: str) -> str:
    """Return the usable value; null if it is invisible or means that there is none."""
    # Most values need no trimming, which their first and last characters tell: 0.3 µs per value
    # instead of 2.
    at_the_ends = f"ANY('{{{','.join(['0', *(str(ord(one)) for one in INVISIBLE)])}}}')"
    value = (
        f"CASE WHEN ascii({text}) = {at_the_ends} OR ascii(right({text}, 1)) = {at_the_ends} "
        f"OR starts_with({text}, '#') OR strpos({text}, '+') > 0 OR strpos({text}, E'\\r') > 0 "
        f"THEN {_tidied(text)} ELSE {text} END"
    )
    return value if slot.default is None else f"coalesce({value}, {quoted(slot.default)})"


def _tidied(text: str) -> str:
    trimmed = f"btrim(replace({text}, E'\\r', E'\\n'), {quoted(TRIMMED)})"
    return (
        f"CASE WHEN btrim({trimmed}, {quoted(INVISIBLE)}) = '' THEN NULL "
        f"WHEN {trimmed} IN ({', '.join(map(quoted, ERROR_CELLS))}) THEN NULL "
        f"WHEN {trimmed} ~ {quoted(SCIENTIFIC)} THEN trim_scale({trimmed}::numeric)::text "
        f"ELSE {trimmed} END"
    )

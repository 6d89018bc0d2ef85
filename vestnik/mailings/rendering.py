"""Texts with each client's own values, rendered and counted by the database.

A million are rendered and counted in about two seconds; reading the clients into Python alone
takes longer. What is constant is computed here once, so that for each client only their values
are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from vestnik.mailings.template import FIELDS, Piece, Placeholder, parse, placeholders
from vestnik.mailings.text import (
    GSM_BASIC,
    GSM_EXTENSION,
    MOST_SEGMENTS,
    ROOM_ALONE,
    ROOM_IN_A_PART,
    Encoding,
    foreign_characters,
)

ASTRAL = "[\U00010000-\U0010ffff]"
EXTENSION = "".join(sorted(GSM_EXTENSION))
SPECIAL_IN_BRACKETS = "\\[]^-"
FOREIGN = "[^{}]".format(
    "".join(
        f"\\{one}" if one in SPECIAL_IN_BRACKETS else one
        for one in sorted(GSM_BASIC | GSM_EXTENSION)
    )
)
TOO_LONG = f"longer than {MOST_SEGMENTS} segments"
STOPPED = "stop list"
NO_VALUE = "no value for "

GSM_ALONE, UCS_ALONE = ROOM_ALONE[Encoding.GSM_7], ROOM_ALONE[Encoding.UCS_2]
GSM_ROOM, UCS_ROOM = ROOM_IN_A_PART[Encoding.GSM_7], ROOM_IN_A_PART[Encoding.UCS_2]

# Each level is a row of its own: OFFSET keeps the planner from folding it into the next, which
# would compute it again at each mention (7 s for a million instead of 1.5); as a constant, for with
# a cast in it no parallel worker takes part. `units` are septets or UTF-16 units, `wide` the
# characters of two. A part that such a character does not fit loses one unit: where that may change
# the count, the function cuts the text as it is.
RENDERED = """
SELECT id, phone_number, timezone, CASE
        WHEN stopped THEN {stopped}
        WHEN text IS NULL THEN {no_value} || concat_ws(', ', {missing})
        WHEN segments > {most} THEN {too_long} END AS why,
    text, segments
FROM (
    SELECT *, CASE
        WHEN units <= alone THEN 1
        WHEN wide = 0 THEN (units + room - 1) / room
        WHEN (units + room - 1) / room
            = least((units + room - 3) / (room - 1), (units + wide + room - 1) / room)
            THEN (units + room - 1) / room
        ELSE mailings_segments(text) END AS segments
    FROM (
        SELECT *, char_length(text) + wide AS units,
            CASE WHEN foreign_ THEN {ucs_alone} ELSE {gsm_alone} END AS alone,
            CASE WHEN foreign_ THEN {ucs_room} ELSE {gsm_room} END AS room
        FROM (
            SELECT *, CASE WHEN foreign_ THEN {astral} + CASE WHEN own ~ {astral_class}
                    THEN char_length(own)
                        - char_length(regexp_replace(own, {astral_class}, '', 'g'))
                    ELSE 0 END
                ELSE {extension} + char_length(own) - char_length(translate(own, {extensions}, ''))
                END AS wide
            FROM (
                SELECT *, {text} AS text, concat({own}) AS own, {foreign} AS foreign_
                FROM ({picked} OFFSET '0') AS p OFFSET '0'
            ) AS p OFFSET '0'
        ) AS p OFFSET '0'
    ) AS p OFFSET '0'
) AS p
"""


PLAIN = """
SELECT id, phone_number, timezone, CASE WHEN stopped THEN {stopped} END AS why,
    NULL::text AS text, NULL::integer AS segments
FROM ({picked}) AS p
"""


@dataclass(frozen=True)
class Rendering:
    """A parsed text, as the pieces of statements that render it."""

    pieces: Sequence[Piece]

    @property
    def slots(self) -> list[Placeholder]:
        return placeholders(self.pieces)

    def values(self) -> str:
        """Columns with each client's values, over a client's row `c`."""
        return "".join(f", {_value(slot)} AS {self._column(slot)}" for slot in self.slots)

    def over(self, picked: str) -> str:
        """A statement of `id`, `phone_number`, `timezone`, `why` they get nothing, `text` and
        `segments`, over one of the first three, `stopped` and the values."""
        if not self.slots:
            return PLAIN.format(picked=picked, stopped=quoted(STOPPED))
        literal = "".join(piece for piece in self.pieces if isinstance(piece, str))
        own = [self._column(slot) for slot in self.slots]
        missing = [
            f"CASE WHEN {self._column(s)} IS NULL THEN {quoted(s.name)} END" for s in self.slots
        ]
        return RENDERED.format(
            picked=picked,
            text=" || ".join(map(self._piece, self.pieces)),
            own=", ".join(map(self._piece, self._inserted())) or "''",
            foreign=(
                "true"
                if foreign_characters(literal)
                else f"concat({', '.join(own)}) ~ {quoted(FOREIGN)}"
            ),
            astral=sum(ord(one) > 0xFFFF for one in literal),
            extension=sum(one in GSM_EXTENSION for one in literal),
            missing=", ".join(missing),
            stopped=quoted(STOPPED),
            no_value=quoted(NO_VALUE),
            too_long=quoted(TOO_LONG),
            most=MOST_SEGMENTS,
            extensions=quoted(EXTENSION),
            astral_class=quoted(ASTRAL),
            ucs_alone=UCS_ALONE,
            gsm_alone=GSM_ALONE,
            ucs_room=UCS_ROOM,
            gsm_room=GSM_ROOM,
        )

    def _inserted(self) -> list[Piece]:
        """A value that stands twice counts twice."""
        return [piece for piece in self.pieces if isinstance(piece, Placeholder)]

    def _column(self, slot: Placeholder) -> str:
        return f"v{self.slots.index(slot)}"

    def _piece(self, piece: Piece) -> str:
        return quoted(piece) if isinstance(piece, str) else self._column(piece)


def rendering_of(text: str) -> Rendering:
    """How the text of a mailing is rendered."""
    return Rendering(parse(text))


def _value(slot: Placeholder) -> str:
    """The value as it is sent: composed, its lines ended by one character, never blank. Only
    strings and numbers of the attributes are values."""
    if slot.name in FIELDS:
        found = f"nullif(c.{slot.name}, '')"
    else:
        name = quoted(slot.name)
        found = (
            f"CASE WHEN jsonb_typeof(c.attributes -> {name}) IN ('string', 'number') THEN "
            f"nullif(btrim(normalize(replace(c.attributes ->> {name}, E'\\r\\n', E'\\n'), NFC), "
            "E' \\n\\t\\u00a0'), '') END"
        )
    return found if slot.default is None else f"coalesce({found}, {quoted(slot.default)})"


def quoted(text: str) -> str:
    """A literal of SQL, in a statement that still takes parameters."""
    return sql.Literal(text).as_string().replace("%", "%%")

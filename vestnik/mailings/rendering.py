"""Texts with each client's own values, rendered and counted by the database.

It renders and counts a million texts in about two seconds; reading the clients into Python alone
takes longer. Constants are computed here once, so that only the client's values are computed per
client.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg import sql

from vestnik.mailings.template import FIELDS, Piece, Placeholder, parse, placeholders
from vestnik.mailings.text import (
    GSM_BASIC,
    GSM_EXTENSION,
    INVISIBLE,
    MOST_SEGMENTS,
    ROOM_ALONE,
    ROOM_IN_A_PART,
    TRIMMED,
    Encoding,
    foreign_characters,
    is_blank,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

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
# What a spreadsheet shows for a missing value, in English and in Russian.
ERROR_CELLS = (
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!",
    "#GETTING_DATA", "#Н/Д", "#ССЫЛКА!", "#ЗНАЧ!", "#ДЕЛ/0!", "#ИМЯ?", "#ЧИСЛО!", "#ПУСТО!",
    "#ПЕРЕНОС!", "#ВЫЧИСЛ!",
)  # fmt: skip
# A number in the notation of programs (1.5E+10); an article such as 12E5 is not one.
SCIENTIFIC = r"^-?[0-9](\.[0-9]+)?[eE][+][0-9]{2}$"
# The significant digits of a spreadsheet; further ones come from binary rounding.
MOST_DIGITS = 15
STORED_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
STORED_MINUTE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:00)?$"
# A longer text has more than ten segments in either alphabet.
MOST_CHARACTERS = ROOM_IN_A_PART[Encoding.GSM_7] * MOST_SEGMENTS
#: A stand-in of this length for any longer text: it is refused for the same reason, and no text
#: takes more memory than its client's values.
TOO_MANY = f"repeat('a', {MOST_CHARACTERS} + 1)"
#: Up to this number of values a rendered text has a bounded size.
FEW_PLACES = 20

GSM_ALONE, UCS_ALONE = ROOM_ALONE[Encoding.GSM_7], ROOM_ALONE[Encoding.UCS_2]
GSM_ROOM, UCS_ROOM = ROOM_IN_A_PART[Encoding.GSM_7], ROOM_IN_A_PART[Encoding.UCS_2]

# OFFSET makes each level a row of its own. Without it the planner folds a level into the next,
# which computes it again at each mention (7 s for a million instead of 1.5). It is a constant,
# since a cast would prevent parallel workers. `units` are septets or UTF-16 units, `wide` the
# characters that take two. A part that such a character does not fit loses one unit; where that may
# change the count, the function splits the actual text.
RENDERED = """
SELECT id, phone_number, timezone, {code} AS code, {why} AS why, {reason} AS reason,
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
                SELECT *, {text} AS text, {own} AS own, {foreign} AS foreign_
                FROM (
                    SELECT *, {values} FROM ({picked} OFFSET '0') AS p OFFSET '0'
                ) AS p OFFSET '0'
            ) AS p OFFSET '0'
        ) AS p OFFSET '0'
    ) AS p OFFSET '0'
) AS p
"""


PLAIN = """
SELECT id, phone_number, timezone, {code} AS code, {why} AS why, {reason} AS reason,
    NULL::text AS text, NULL::integer AS segments
FROM ({picked}) AS p
"""
# Why a client gets nothing: as a code, as a text, and as a code with parameters.
WHY_PLAIN = """CASE
        WHEN stopped THEN {stopped} WHEN no_sms THEN {no_sms} WHEN {blank} THEN {no_text} END"""
WHY = """CASE
        WHEN stopped THEN {stopped}
        WHEN no_sms THEN {no_sms}
        WHEN text IS NULL THEN {no_value}
        WHEN {blank} THEN {no_text}
        WHEN segments > {most} THEN {too_long} END"""
NO_VALUE_TEXT = "'no value for ' || concat_ws(', ', {names})"
NO_VALUE_DATA = (
    "jsonb_build_object('code', 'no_value', 'params', "
    "jsonb_build_object('names', array_remove(ARRAY[{names}], NULL)))"
)


@dataclass(frozen=True)
class Rendering:
    """A parsed text, as fragments of the statements that render it."""

    pieces: Sequence[Piece]

    @property
    def slots(self) -> list[Placeholder]:
        return placeholders(self.pieces)

    @property
    def _places(self) -> list[Placeholder]:
        """The placeholders in order; one that occurs twice counts twice."""
        return [piece for piece in self.pieces if isinstance(piece, Placeholder)]

    @property
    def _literal(self) -> str:
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    def values(self) -> str:
        """Return columns with the client's values of the slots, over a client's row `c`."""
        return "".join(f", {_written(slot)} AS t{n}" for n, slot in enumerate(self.slots))

    def over(self, picked: str) -> str:
        """Return a statement that renders the text for the rows of `picked`.

        `picked` selects `id`, `phone_number`, `timezone`, `stopped`, `no_sms` and the values. The
        statement answers the first three, why the client gets nothing (`code`, `why`, `reason`),
        `text` and `segments`.
        """
        if not self.slots:
            return PLAIN.format(picked=picked, **self._why())
        return RENDERED.format(
            picked=picked,
            **self._why(),
            **self._composed(),
            **self._counted(),
            values=", ".join(f"{_value(s, f't{n}')} AS v{n}" for n, s in enumerate(self.slots)),
        )

    def _why(self) -> dict[str, str]:
        """Return the columns that say why a client gets nothing."""
        return {
            "code": self._case(lambda reason: quoted(reason.code), quoted(Code.NO_VALUE)),
            "why": self._case(quoted, self._missing(NO_VALUE_TEXT)),
            "reason": self._case(
                lambda reason: f"{quoted(reason.json)}::jsonb", self._missing(NO_VALUE_DATA)
            ),
        }

    def _case(self, written: Callable[[Reason], str], no_value: str) -> str:
        fixed = {"stopped": STOPPED, "no_sms": NO_SMS, "no_text": NO_TEXT, "too_long": TOO_LONG}
        values = {name: written(reason) for name, reason in fixed.items()}
        if not self.slots:
            blank = "true" if is_blank(self._literal) else "false"
            return WHY_PLAIN.format(blank=blank, **values)
        blank = f"btrim(text, {quoted(INVISIBLE)}) = ''" if self._may_be_blank() else "false"
        return WHY.format(blank=blank, most=MOST_SEGMENTS, no_value=no_value, **values)

    def _missing(self, written: str) -> str:
        """Return the names of the values that a client lacks, as a text or as data."""
        names = ", ".join(
            f"CASE WHEN v{n} IS NULL THEN {quoted(slot.name)} END"
            for n, slot in enumerate(self.slots)
        )
        return written.format(names=names)

    def _composed(self) -> dict[str, str]:
        """Return the text, and the part of it that comes from the client's values."""
        text, own = (
            _joined(list(map(self._piece, pieces))) for pieces in (self.pieces, self._places)
        )
        # Few values cannot exhaust memory; many long ones could, so their length is tested first.
        if len(self._places) <= FEW_PLACES:
            return {"text": text, "own": own}
        lengths = [
            f"char_length(v{n}) * {self._places.count(slot)}" for n, slot in enumerate(self.slots)
        ]
        many = f"{' + '.join(lengths)} > {MOST_CHARACTERS}"
        return {
            name: f"CASE WHEN {many} THEN {TOO_MANY} ELSE {expression} END"
            for name, expression in (("text", text), ("own", own))
        }

    def _counted(self) -> dict[str, object]:
        """Return what the count of segments needs of the constant text, and their sizes."""
        literal, own = self._literal, ", ".join(f"v{n}" for n in range(len(self.slots)))
        return {
            "foreign": (
                "true" if foreign_characters(literal) else f"concat({own}) ~ {quoted(FOREIGN)}"
            ),
            "astral": sum(ord(one) > 0xFFFF for one in literal),
            "extension": sum(one in GSM_EXTENSION for one in literal),
            "extensions": quoted(EXTENSION),
            "astral_class": quoted(ASTRAL),
            "ucs_alone": UCS_ALONE,
            "gsm_alone": GSM_ALONE,
            "ucs_room": UCS_ROOM,
            "gsm_room": GSM_ROOM,
        }

    def _may_be_blank(self) -> bool:
        """Return whether a rendered text can be blank."""
        # Values are never blank, so it takes blank defaults and a blank rest.
        return is_blank(self._literal) and all(
            slot.default is not None and is_blank(slot.default) for slot in self.slots
        )

    def _piece(self, piece: Piece) -> str:
        return quoted(piece) if isinstance(piece, str) else f"v{self.slots.index(piece)}"


def rendering_of(text: str) -> Rendering:
    """Parse the text of a mailing for rendering."""
    return Rendering(parse(text))


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


def quoted(text: str) -> str:
    """Return an SQL literal for a statement that takes parameters: percent signs are doubled."""
    return sql.Literal(str(text)).as_string().replace("%", "%%")

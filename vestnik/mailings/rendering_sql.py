"""The constant parts of the statements that render texts; `rendering` adds those of one text."""

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

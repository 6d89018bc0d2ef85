"""The segment counter beside a text."""

from collections.abc import Sequence
from dataclasses import dataclass

from vestnik.mailings.text import (
    MOST_SEGMENTS,
    Encoding,
    Malformed,
    encoding_of,
    foreign_characters,
    is_personalised,
    least,
    normalise,
    parse,
    segments_of,
    units_of,
)

#: Similar characters that do not force UCS-2.
PLAIN = {
    "—": "-", "–": "-", "−": "-", "‑": "-", "«": '"', "»": '"', "“": '"', "”": '"', "„": '"',
    "‘": "'", "’": "'", "…": "...", "№": "N", "•": "*", "×": "x", "₽": "RUB",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ",
}  # fmt: skip
NAMED = {"\u00a0": "NBSP", "\u202f": "NNBSP", "\u2009": "THSP", "\t": "TAB"}
#: Characters that the counter names; more would be a list of the text's letters.
MOST_SHOWN = 6


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """The count of a text without any client's values."""

    encoding: Encoding
    characters: int
    #: Units in the segments; some characters count twice.
    units: int
    segments: int
    foreign: Sequence[str]
    is_personalised: bool

    @property
    def is_unicode(self) -> bool:
        return self.encoding is Encoding.UCS_2

    @property
    def is_too_long(self) -> bool:
        return self.segments > MOST_SEGMENTS

    @property
    def needs_cyrillic(self) -> bool:
        """Whether letters force UCS-2, so that replacing characters cannot help."""
        return any(one.isalpha() for one in self.foreign)

    @property
    def shown_foreign(self) -> Sequence[str]:
        """The characters that force UCS-2; invisible ones by name."""
        return [NAMED.get(one, one) for one in self.foreign[:MOST_SHOWN]]

    @property
    def replacements(self) -> Sequence[tuple[str, str]]:
        """Characters with their possible replacements."""
        pairs = [(NAMED.get(one, one), PLAIN[one]) for one in self.foreign if one in PLAIN]
        return [(one, plain if plain.strip() else "␣") for one, plain in pairs[:MOST_SHOWN]]


def count_segments(text: str) -> SegmentCount:
    """Count the segments of a text, which may be incomplete."""
    normalised = normalise(text)
    try:
        words = least(parse(normalised)) if is_personalised(normalised) else normalised
    except Malformed:
        words = normalised
    return SegmentCount(
        encoding=encoding_of(words),
        characters=len(words),
        units=units_of(words),
        segments=segments_of(words) if words else 0,
        foreign=foreign_characters(words),
        is_personalised=is_personalised(normalised),
    )

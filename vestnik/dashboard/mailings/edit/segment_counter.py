"""What the letters of a text cost: the segment counter beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from vestnik.mailings.template import Malformed, is_personalised, least, parse
from vestnik.mailings.text import (
    MOST_SEGMENTS,
    Encoding,
    encoding_of,
    foreign_characters,
    normalise,
    segments_of,
    units_of,
)

#: What looks much the same and costs nothing.
PLAIN = {
    "—": "-", "–": "-", "−": "-", "‑": "-", "«": '"', "»": '"', "“": '"', "”": '"', "„": '"',
    "‘": "'", "’": "'", "…": "...", "№": "N", "•": "*", "×": "x", "₽": "RUB",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ",
}  # fmt: skip
NAMED = {"\u00a0": "NBSP", "\u202f": "NNBSP", "\u2009": "THSP", "\t": "TAB"}
MOST_SHOWN = 6


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """A text before anybody's values are in it."""

    encoding: Encoding
    characters: int
    #: What they take of the segments: some characters count twice.
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
        """Whether it is the words that need UCS-2: then nothing can be put in a letter's place."""
        return any(one.isalpha() for one in self.foreign)

    @property
    def shown_foreign(self) -> Sequence[str]:
        """The characters that force UCS-2, by a name where they cannot be seen."""
        return [NAMED.get(one, one) for one in self.foreign[:MOST_SHOWN]]

    @property
    def replacements(self) -> Sequence[tuple[str, str]]:
        """What may stand in their place."""
        pairs = [(NAMED.get(one, one), PLAIN[one]) for one in self.foreign if one in PLAIN]
        return [(one, plain if plain.strip() else "␣") for one, plain in pairs[:MOST_SHOWN]]


def count_segments(text: str) -> SegmentCount:
    """What the letters of a text cost, also of one that is not finished."""
    sent = normalise(text)
    try:
        words = least(parse(sent)) if is_personalised(sent) else sent
    except Malformed:
        words = sent
    return SegmentCount(
        encoding=encoding_of(words),
        characters=len(words),
        units=units_of(words),
        segments=segments_of(words) if words else 0,
        foreign=foreign_characters(words),
        is_personalised=is_personalised(sent),
    )

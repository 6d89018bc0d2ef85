"""The language of placeholders: `{{ name }}` and `{{ name|default:"клиент" }}`, and nothing else.

A name is a field of the client (`FIELDS`) or an attribute. There are no expressions, filters or
loops: a text can reach nothing but the values of its own client.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vestnik.mailings.text import segments_of

FIELDS = ("phone_number", "operator_code", "tag", "timezone")
#: Each placeholder is an expression in the statement that renders a million texts.
MOST_PLACEHOLDERS = 20
LONGEST_NAME = 200
OPENING = "{{"

#: A name has no braces, bars, quotes, or blanks at its ends; a default has no quotes.
PLACEHOLDER = re.compile(
    r'\{\{\s*(?P<name>[^{}|"\s](?:[^{}|"]*[^{}|"\s])?)\s*(?:\|\s*default:\s*"(?P<default>[^"]*)"\s*)?\}\}'
)


class Malformed(ValueError):
    """Raised when a placeholder cannot be parsed; the text is what could not be parsed."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The place of a client's value; of the default if the client lacks it."""

    name: str
    default: str | None = None


Piece = str | Placeholder


def parse(text: str) -> list[Piece]:
    """Split the text into literal texts and placeholders. Raises Malformed."""
    pieces: list[Piece] = []
    end = 0
    for match in PLACEHOLDER.finditer(text):
        pieces += [text[end : match.start()], Placeholder(match["name"], match["default"])]
        end = match.end()
    pieces.append(text[end:])
    for piece in pieces:
        if isinstance(piece, str) and OPENING in piece:
            raise Malformed(piece[piece.index(OPENING) :][:50])
    return [piece for piece in pieces if piece]


def placeholders(pieces: Sequence[Piece]) -> list[Placeholder]:
    """Return the placeholders among the pieces, each once."""
    return list(dict.fromkeys(piece for piece in pieces if isinstance(piece, Placeholder)))


def is_personalised(text: str) -> bool:
    """Return whether each client gets a text of their own."""
    return OPENING in text


def least(pieces: Sequence[Piece]) -> str:
    """Return the text with each placeholder replaced by its default, or by nothing."""
    return "".join(p if isinstance(p, str) else p.default or "" for p in pieces)


def least_segments_of(text: str) -> int:
    """Return how many segments the text takes without any client's values."""
    return segments_of(least(parse(text)) if is_personalised(text) else text)

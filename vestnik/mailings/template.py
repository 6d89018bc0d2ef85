"""The language of placeholders: `{{ name }}` and `{{ name|default:"клиент" }}`, and nothing else.

A name is a field of the client (`FIELDS`) or one of their attributes. There are no expressions,
filters or loops: a text cannot reach anything but its own client's values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vestnik.mailings.text import segments_of

FIELDS = ("phone_number", "operator_code", "tag", "timezone")
MOST_PLACEHOLDERS = 20
LONGEST_NAME = 200
OPENING = "{{"

PLACEHOLDER = re.compile(
    r'\{\{\s*(?P<name>[^{}|"\s](?:[^{}|"]*[^{}|"\s])?)\s*(?:\|\s*default:\s*"(?P<default>[^"]*)"\s*)?\}\}'
)


class Malformed(ValueError):
    """A placeholder of the text cannot be read."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands for a client's value; for the default where the client lacks it."""

    name: str
    default: str | None = None


Piece = str | Placeholder


def parse(text: str) -> list[Piece]:
    """The text as it alternates between words and placeholders. Raises Malformed."""
    pieces: list[Piece] = []
    end = 0
    for found in PLACEHOLDER.finditer(text):
        pieces += [text[end : found.start()], Placeholder(found["name"], found["default"])]
        end = found.end()
    pieces.append(text[end:])
    for piece in pieces:
        if isinstance(piece, str) and OPENING in piece:
            raise Malformed(piece[piece.index(OPENING) :][:50])
    return [piece for piece in pieces if piece]


def placeholders(pieces: Sequence[Piece]) -> list[Placeholder]:
    """The placeholders among the pieces, each once."""
    return list(dict.fromkeys(piece for piece in pieces if isinstance(piece, Placeholder)))


def is_personalised(text: str) -> bool:
    """Whether each client gets a text of their own."""
    return OPENING in text


def least(pieces: Sequence[Piece]) -> str:
    """The text with each placeholder's default, or with nothing in its place."""
    return "".join(p if isinstance(p, str) else p.default or "" for p in pieces)


def least_segments_of(text: str) -> int:
    """How many segments the text takes before anybody's values are in it."""
    return segments_of(least(parse(text)) if is_personalised(text) else text)

"""Parts of a text that look like a placeholder and are none, with the probable name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from django.utils.translation import gettext as _

from vestnik.mailings.template import FIELDS, Malformed, Piece, parse
from vestnik.mailings.text import INVISIBLE, normalise

NAME = r"[^\W\d_](?:[\w .\-]{0,60}\w)?"
# These marks around a name are never accidental. Those of WHERE_KNOWN may be, so they count only
# around a name that clients have.
SURELY = (
    rf"\$?\{{\s*(?P<braces>{NAME})\s*\}}",
    rf"\(\(\s*(?P<rounds>{NAME})\s*\)\)",
    rf"\[\[\s*(?P<squares>{NAME})\s*\]\]",
    r"\#(?P<hashes>[^\W\d_]\w{0,60})\#",
    r"%(?P<percents>[^\W\d_]\w{0,60})%",
    r"(?P<closing>\}\})",
)
WHERE_KNOWN = (rf"\[\s*(?P<square>{NAME})\s*\]", rf"<\s*(?P<angle>{NAME})\s*>")
LOOKS = re.compile("|".join((*SURELY, *WHERE_KNOWN)))
#: The ratio of `difflib` from which a name counts as misspelled.
CLOSE = 0.74
BETWEEN_WORDS = re.compile(r"[\s_\-.]+")
QUOTES = str.maketrans(dict.fromkeys("“”„«»‟″＂", '"') | dict.fromkeys("‘’‚‹›′'", '"'))
#: A malformed placeholder, for the suggestion.
IN_BRACES = re.compile(r"\{\{[^{}]*\}\}")


@dataclass(frozen=True, slots=True)
class TextWarning:
    """A part of a text that would be sent as it is written; `suggestion` is what was meant."""

    found: str
    suggestion: str = ""

    def __str__(self) -> str:
        if self.suggestion:
            return _("%(found)s is sent as it is written. Did you mean %(suggestion)s?") % {
                "found": self.found,
                "suggestion": self.suggestion,
            }
        return _("%(found)s is sent as it is written: it is not a placeholder.") % {
            "found": self.found
        }


def warnings(text: str, known_names: Sequence[str]) -> list[TextWarning]:
    """Return the parts of the text that look like a placeholder and are none, each once."""
    try:
        pieces = parse(normalise(text))
    except Malformed:
        return []
    words = (word for piece in pieces for word in _words(piece))
    return list(
        dict.fromkeys(warning for word in words for warning in _find_warnings(word, known_names))
    )


def _words(piece: Piece) -> list[str]:
    return [piece] if isinstance(piece, str) else [piece.default or ""]


def _find_warnings(words: str, known_names: Sequence[str]) -> Iterator[TextWarning]:
    for match in LOOKS.finditer(words):
        kind, name = match.lastgroup, match[match.lastgroup or 0]
        meant = "" if kind == "closing" else suggestion_for(name, known_names)
        # Square and angle brackets are common in texts, so only known names count in them.
        if kind not in ("square", "angle") or _key(name) == _key(meant):
            yield TextWarning(match[0], f"{{{{ {meant} }}}}" if meant else "")


def suggestion_for(name: str, known_names: Sequence[str]) -> str:
    """Return the known name that was probably meant, or an empty text."""
    by_key: dict[str, str] = {}
    for known in (*FIELDS, *known_names):
        by_key.setdefault(_key(known), known)
    if not (key := _key(name)):
        return ""
    close = [key] if key in by_key else get_close_matches(key, by_key, 1, CLOSE)
    return by_key[close[0]] if close else ""


def _key(name: str) -> str:
    """Return the form of a name in which spellings that people confuse are equal."""
    visible = "".join(one for one in normalise(name) if one not in INVISIBLE or one == " ")
    return BETWEEN_WORDS.sub("", visible.casefold().replace("ё", "е"))


def correct(text: str) -> str:
    """Return the first placeholder with typographic quotes, corrected; or an empty text."""
    for match in IN_BRACES.finditer(text):
        repaired = match[0].translate(QUOTES)
        if repaired != match[0] and _is_right(repaired):
            return repaired
    return ""


def _is_right(placeholder: str) -> bool:
    try:
        parse(placeholder)
    except Malformed:
        return False
    return True

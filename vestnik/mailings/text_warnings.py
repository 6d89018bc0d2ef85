"""Parts of a text that look like a placeholder and are none, with the probable name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.audience.filters.selection import attribute_names
from vestnik.mailings.text import (
    FIELDS,
    INVISIBLE,
    Malformed,
    normalise,
    parse,
)

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
CONFIRM = gettext_lazy("Write it as {{ name }}, or confirm the text as it is (confirm_text).")
#: Warnings in one error message.
MOST_NAMED = 5
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


def check_confirmed(text: str, *, confirmed: bool) -> None:
    """Raise ValidationError if parts look like placeholders, unless that was confirmed."""
    unconfirmed = [] if confirmed else text_warnings(text)
    if unconfirmed:
        warning = " ".join(map(str, unconfirmed[:MOST_NAMED]))
        raise ValidationError({"text": f"{warning} {CONFIRM}"}, code="confirm_text")


def text_warnings(text: str, known_names: Sequence[str] | None = None) -> list[TextWarning]:
    """Return the parts of the text that look like a placeholder and are none, each once.

    The names in the directory are read only for a text that has such a part.
    """
    try:
        pieces = parse(normalise(text))
    except Malformed:
        return []
    words = [piece if isinstance(piece, str) else piece.default or "" for piece in pieces]
    if not (matches := [match for word in words for match in LOOKS.finditer(word)]):
        return []
    names = attribute_names() if known_names is None else known_names
    return list(dict.fromkeys(_find_warnings(matches, names)))


def _find_warnings(
    matches: Sequence[re.Match[str]], known_names: Sequence[str]
) -> Iterator[TextWarning]:
    for match in matches:
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

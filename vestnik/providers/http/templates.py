"""Templates with placeholders, compiled once and filled for each message.

`{id}`, `{phone_number_int}`, `{validity_seconds}` and `{validity_minutes}` are numbers: standing
alone in a JSON template's string they become JSON numbers. `{id_text}`, `{phone_number}`,
`{text}`, `{text_hex}` (UTF-16, as some gateways want Cyrillic) and `{sender}` are text.
"""

import json
import re
import string
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, quote_plus

from vestnik.providers.base import Outgoing
from vestnik.providers.errors import OptionError

Field = Callable[[Outgoing], str]
Escape = Callable[[str], str]
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
NUMBERS = ("id", "phone_number_int", "validity_seconds", "validity_minutes")
#: Fields that no context can misread.
PLAIN = frozenset({*NUMBERS, "id_text", "text_hex"})
#: First a JSON string that is nothing but one placeholder of a number.
JSON_PLACEHOLDER = re.compile(rf'"\{{({"|".join(NUMBERS)})\}}"|\{{([a-z_]+)\}}')
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def as_is(value: str) -> str:
    return value


def in_path(value: str) -> str:
    return quote(value, safe="")


def in_header(value: str) -> str:
    """Percent-encoded where it is not printable ASCII, so that no text can add a header."""
    return quote(value, safe=PRINTABLE)


def in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


class Template:
    """Text with placeholders, each filled with its field of a message, escaped."""

    def __init__(self, pieces: list[str], fields: list[Field]) -> None:
        """`pieces` are the literal texts around the fields: one more than there are fields."""
        self._pieces, self._fields = pieces, fields
        self._rest = list(zip(fields, pieces[1:], strict=True))

    def __add__(self, other: "Template") -> "Template":
        seam = self._pieces[-1] + other._pieces[0]
        pieces = [*self._pieces[:-1], seam, *other._pieces[1:]]
        return Template(pieces, self._fields + other._fields)

    def fill(self, message: Outgoing) -> str:
        filled = self._pieces[0]
        for field, piece in self._rest:
            filled += field(message) + piece
        return filled


class Compiler:
    """Makes templates of one provider, whose sender is known."""

    def __init__(self, sender: str) -> None:
        self._fields: dict[str, Field] = {
            "id": lambda message: str(message.message_id),
            "id_text": lambda message: str(message.message_id),
            "phone_number": lambda message: message.phone_number,
            "phone_number_int": lambda message: str(int(message.phone_number)),
            "text": lambda message: message.text,
            "text_hex": lambda message: message.text.encode("utf-16-be", "replace").hex(),
            "sender": lambda _: sender,
            # 0 is the gateway's own default to many: a day or more.
            "validity_seconds": lambda message: str(max(1, message.validity)),
            "validity_minutes": lambda message: str(max(1, message.validity // 60)),
        }

    def plain(self, option: str, source: str, escape: Escape = as_is) -> Template:
        """Raises OptionError where a placeholder is not known."""
        return self._compile(option, source, PLACEHOLDER, escape)

    def address(self, option: str, source: str) -> Template:
        """A part of an address: what stands there is kept, but for spaces and non-ASCII."""
        return self._compile(option, quote(source, safe=string.punctuation), PLACEHOLDER, in_path)

    def json(self, option: str, value: object) -> Template:
        source = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self._compile(option, source, JSON_PLACEHOLDER, in_json)

    def form(self, option: str, source: str) -> Template:
        """A query string or form: `to={phone_number}&text={text}`."""
        pairs = parse_qsl(source, keep_blank_values=True)
        if source and not pairs:
            raise OptionError(option, "must read like name={placeholder}&name=value")
        return self._compile(option, "&".join(map(_pair, pairs)), PLACEHOLDER, quote_plus)

    def _compile(
        self, option: str, source: str, placeholder: re.Pattern[str], escape: Escape
    ) -> Template:
        pieces, fields, end = [], [], 0
        for match in placeholder.finditer(source):
            pieces.append(source[end : match.start()])
            fields.append(self._field(option, match[match.lastindex or 0], escape))
            end = match.end()
        return Template([*pieces, source[end:]], fields)

    def _field(self, option: str, name: str, escape: Escape) -> Field:
        if name not in self._fields:
            known = ", ".join(f"{{{known}}}" for known in self._fields)
            raise OptionError(option, f"knows no placeholder {{{name}}}; it knows {known}")
        field = self._fields[name]
        if escape is as_is or name in PLAIN:
            return field
        return lambda message: escape(field(message))


def _pair(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"{quote_plus(name)}={quote_plus(value, safe='{}')}"

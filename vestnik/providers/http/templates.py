"""Templates with placeholders, compiled once and filled for each message.

Those of NUMBERS become JSON numbers if they are alone in a JSON string; all others are text.
`{text_hex}` is always UTF-16; `{octets_hex}` is the text in its encoding.
"""

import json
import re
import string
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, quote_plus

from vestnik.providers.base import OutboundMessage, StatusQuery
from vestnik.providers.errors import OptionError
from vestnik.providers.http.alphabets import Alphabets, count_segments, in_ucs_2, octets_hex


class TemplateValues:
    """The values for the templates of one request: a message, and those of the whole request.

    `body` and `signature` are set once they are built.
    """

    __slots__ = ("_timestamp", "body", "message", "signature")

    def __init__(self, message: OutboundMessage | StatusQuery) -> None:
        self.message = message
        self.body = self.signature = self._timestamp = ""

    @property
    def timestamp(self) -> str:
        """The Unix time in seconds, the same in all templates of the request."""
        self._timestamp = self._timestamp or str(int(time.time()))
        return self._timestamp


Field = Callable[[TemplateValues], str]
Escape = Callable[[str], str]
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
NUMBERS = (
    "id", "phone_number_int", "validity_seconds", "validity_minutes", "coding", "segments"
)  # fmt: skip
#: Fields that need no escaping in any context.
PLAIN = frozenset({*NUMBERS, "id_text", "text_hex", "octets_hex"})
#: The first alternative is a JSON string that holds only a placeholder of a number.
JSON_PLACEHOLDER = re.compile(rf'"\{{({"|".join(NUMBERS)})\}}"|\{{([a-z_]+)\}}')
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def as_is(value: str) -> str:
    return value


def in_path(value: str) -> str:
    return quote(value, safe="")


def in_header(value: str) -> str:
    """Percent-encode what is not printable ASCII, so that no text can add a header."""
    return quote(value, safe=PRINTABLE)


def in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


class Template:
    """Text with placeholders, each filled with its escaped field of a message."""

    def __init__(self, pieces: list[str], fields: list[Field]) -> None:
        """Take the literal texts around the fields: one more than there are fields."""
        self._pieces, self._fields = pieces, fields
        self._rest = list(zip(fields, pieces[1:], strict=True))

    def __add__(self, other: "Template") -> "Template":
        seam = self._pieces[-1] + other._pieces[0]
        pieces = [*self._pieces[:-1], seam, *other._pieces[1:]]
        return Template(pieces, self._fields + other._fields)

    def fill(self, values: TemplateValues) -> str:
        filled = self._pieces[0]
        for field, piece in self._rest:
            filled += field(values) + piece
        return filled


class Compiler:
    """Compiles the templates of one provider, with its sender and names of alphabets."""

    def __init__(self, sender: str, alphabets: Alphabets, longest_validity: int) -> None:

        def validity(values: TemplateValues) -> int:
            return min(values.message.validity, longest_validity)

        self._fields: dict[str, Field] = {
            "id": lambda values: str(values.message.message_id),
            "id_text": lambda values: str(values.message.message_id),
            "phone_number": lambda values: values.message.phone_number,
            "phone_number_int": lambda values: str(int(values.message.phone_number)),
            "text": lambda values: values.message.text,
            "text_hex": lambda values: values.message.text.encode("utf-16-be", "replace").hex(),
            "octets_hex": lambda values: octets_hex(values.message.text),
            "coding": lambda values: alphabets.codings[in_ucs_2(values.message.text)],
            "encoding": lambda values: alphabets.encodings[in_ucs_2(values.message.text)],
            "segments": lambda values: str(count_segments(values.message.text)),
            "sender": lambda _: sender,
            "provider_id": lambda values: values.message.provider_id,
            "timestamp": lambda values: values.timestamp,
            "signature": lambda values: values.signature,
            "body": lambda values: values.body,
            # Many gateways take 0 as their own default, a day or more.
            "validity_seconds": lambda values: str(max(1, validity(values))),
            "validity_minutes": lambda values: str(max(1, validity(values) // 60)),
        }

    def plain(self, option: str, source: str, escape: Escape = as_is) -> Template:
        """Compile a template. Raises OptionError if a placeholder is unknown."""
        return self._compile(option, source, PLACEHOLDER, escape)

    def address(self, option: str, source: str) -> Template:
        """Compile a part of a URL: literal text is kept, except for spaces and non-ASCII."""
        return self._compile(option, quote(source, safe=string.punctuation), PLACEHOLDER, in_path)

    def json(self, option: str, value: object) -> Template:
        source = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return self._compile(option, source, JSON_PLACEHOLDER, in_json)

    def form(self, option: str, source: str) -> Template:
        """Compile a query string or form: `to={phone_number}&text={text}`."""
        pairs = parse_qsl(source, keep_blank_values=True)
        if source and not pairs:
            raise OptionError(option, "must have the form name={placeholder}&name=value")
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
            raise OptionError(option, f"has no placeholder {{{name}}}; available: {known}")
        field = self._fields[name]
        if escape is as_is or name in PLAIN:
            return field
        return lambda values: escape(field(values))


def _pair(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"{quote_plus(name)}={quote_plus(value, safe='{}')}"

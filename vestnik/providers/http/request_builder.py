"""Builds requests from the templates of the options."""

import base64
import re

from yarl import URL

from vestnik.providers.base import OutboundMessage
from vestnik.providers.errors import OptionError
from vestnik.providers.http.alphabets import Alphabets
from vestnik.providers.http.signature import Signature
from vestnik.providers.http.templates import Compiler, Template, TemplateValues, in_header
from vestnik.providers.http.transport import Request
from vestnik.providers.options import Options, Secret

DEFAULT_BODY = {"id": "{id}", "phone": "{phone_number_int}", "text": "{text}"}
CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
    "none": "",
}
#: Names are stored in title case, so that a configured header replaces a default one.
HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


class RequestBuilder:
    """The method, the URL, the headers and the body; each is a template compiled once."""

    def __init__(self, options: Options, sender: str) -> None:
        self.compiler = compiler = Compiler(
            sender,
            Alphabets.configured(options),
            options.whole("longest_validity", 2**31, least=60),
        )
        self._token_type = in_one_line("token_type", options.text("token_type", "Bearer").strip())
        self.method = options.choice("method", "POST", ("POST", "GET", "PUT"))
        self._url = self._target(options, compiler)
        self._body = self._content(options, compiler)
        self._fixed, self._varying = self._headers(options, compiler)
        self._signature = Signature(options, compiler)

    @property
    def authorization(self) -> dict[str, str]:
        """The constant header that authenticates the request, if there is one."""
        return {k: v for k, v in self._fixed.items() if k == "Authorization"}

    def with_token(self, token: str) -> dict[str, str]:
        """Return the header that authenticates by a fetched token."""
        return {"Authorization": f"{self._token_type} {token}".strip()}

    def build(self, message: OutboundMessage, token: str = "") -> Request:
        values = TemplateValues(message)
        # A signature of the body needs the body first; any other may be part of the body.
        if not self._signature.of_the_body:
            values.signature = self._signature.sign(values)
        values.body = self._body.fill(values) if self._body else ""
        if self._signature.of_the_body:
            values.signature = self._signature.sign(values)
        headers = self._fixed | self.with_token(token) if token else self._fixed
        if self._varying:
            headers = headers | {name: t.fill(values) for name, t in self._varying.items()}
        body = values.body.encode() if self._body else None
        # The template has escaped it already; parsing it again costs as much as all the rest.
        return Request(self.method, URL(self._url.fill(values), encoded=True), headers, body)

    def _target(self, options: Options, compiler: Compiler) -> Template:
        target = compiler.address("url", options.url("url"))
        target += compiler.address("path", options.text("path", "/send/{id}"))
        if query := options.text("query", ""):
            target += compiler.plain("query", "?") + compiler.form("query", query)
        return target

    def _content(self, options: Options, compiler: Compiler) -> Template | None:
        usual = "none" if self.method == "GET" else "json"
        self._format = options.choice("body_format", usual, list(CONTENT_TYPES))
        if self._format == "none":
            return None
        if self._format == "json":
            return compiler.json("body", options.json("body", DEFAULT_BODY))
        if self._format == "form":
            return compiler.form("body", options.text("body"))
        return compiler.plain("body", options.text("body"))

    def _headers(
        self, options: Options, compiler: Compiler
    ) -> tuple[dict[str, str], dict[str, Template]]:
        fixed = {"Content-Type": CONTENT_TYPES[self._format]} if self._body else {}
        self.account = _authorization(options, self._token_type)
        # With a token endpoint, the account is only for fetching tokens.
        self.fetches_tokens = options.text_is_set("token_url")
        fixed |= {} if self.fetches_tokens else self.account
        more = options.json("headers", {})
        if not isinstance(more, dict) or not all(map(HEADER_NAME.fullmatch, more)):
            raise OptionError("headers", 'must be a JSON object like {"X-Name": "value"}')
        varying = {
            name.title(): compiler.plain("headers", in_one_line("headers", str(value)), in_header)
            for name, value in more.items()
        }
        return fixed, varying


def in_one_line(option: str, value: str) -> str:
    """Return the value of a header. Raises OptionError for one that cannot be sent."""
    if CONTROL_CHARACTER.search(value):
        raise OptionError(option, "must be one line without control characters")
    return value


def _authorization(options: Options, kind: str) -> dict[str, str]:
    token, username = options.secret("token", ""), options.text("username", "")
    password = options.secret("password", "")
    if token and username:
        raise OptionError("token", "cannot be combined with username")
    if username:
        return {"Authorization": "Basic " + _basic(username, password)}
    value = in_one_line("token", token.reveal().strip())
    return {"Authorization": f"{kind} {value}".strip()} if token else {}


def _basic(username: str, password: Secret) -> str:
    return base64.b64encode(f"{username}:{password.reveal()}".encode()).decode()

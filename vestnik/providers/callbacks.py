"""Requests that a provider makes to us, and their authentication."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from vestnik.providers.errors import OptionError
from vestnik.providers.events import Inbound, normalize_sender
from vestnik.providers.options import Options, Secret

Network = IPv4Network | IPv6Network


class CallbackRefused(Exception):
    """Raised when a callback is not the provider's, or cannot be parsed."""


class CallerUnknown(CallbackRefused):
    """Raised when the caller does not authenticate as the provider. The answer gives no details."""


def inbound_text(alias: str, phone_number: str, text: str, key: str) -> Inbound:
    """Return a client's text; `key` tells a repetition of it. Raises CallbackRefused without a
    sender."""
    if not (sender := normalize_sender(phone_number)):
        raise CallbackRefused("a text came without the number of its sender")
    return Inbound(alias, sender, text, datetime.now(UTC), key)


@dataclass(frozen=True, slots=True)
class Callback:
    """A request as it was received; `secret` is the part of the path that holds the secret."""

    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    remote_addr: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The query string and the form together, since vendors use either."""
        return {**self.query, **self.form}

    def document(self) -> object:
        """Return the body as JSON, or the fields if there is no body or a form. Raises
        CallbackRefused."""
        # Some vendors send JSON with the content type of a form.
        looks_like_json = self.body.lstrip()[:1] in (b"{", b"[")
        if not self.body or (self.form and not looks_like_json):
            return self.fields
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise CallbackRefused("the body is not JSON") from None


class CallbackAuthenticator:
    """Authenticates callbacks by a secret and by the caller's address.

    The secret is in the path, in `?secret=`, or a bearer token.
    """

    def __init__(self, options: Options) -> None:
        self.secret = options.secret("callback_secret", "")
        self.networks = _networks(options.words("callback_addresses"))

    def authenticate(self, callback: Callback, *, signed: bool = False) -> None:
        """Raise CallerUnknown if the caller is unknown; a `signed` callback needs no secret."""
        self._known_address(callback.remote_addr)
        if signed:
            return
        if not self.secret:
            raise CallerUnknown("no callback_secret is configured")
        if not any(matches_secret(text, self.secret) for text in _shown_secrets(callback)):
            raise CallerUnknown("the secret is missing or wrong")

    def _known_address(self, remote_addr: str) -> None:
        if not self.networks:
            return
        try:
            address = ip_address(remote_addr)
        except ValueError:
            raise CallerUnknown("the address of the caller is not known") from None
        # A dual-stack socket reports an IPv4 address as ::ffff:192.0.2.1.
        address = getattr(address, "ipv4_mapped", None) or address
        if not any(address in network for network in self.networks):
            raise CallerUnknown("the address of the caller is not allowed")


def parse_id(text: str) -> int | None:
    """Return our id that a vendor repeats, or None if the text is not an id."""
    # A bigint has at most 19 digits; a longer number would fail in the database.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def matches_secret(candidate: str, secret: Secret) -> bool:
    """Compare the two in constant time."""
    return hmac.compare_digest(candidate.encode(), secret.reveal().encode())


def _shown_secrets(callback: Callback) -> Sequence[str]:
    headers = {name.lower(): value for name, value in callback.headers.items()}
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return [callback.secret, callback.query.get("secret", ""), bearer]


def _networks(words: frozenset[str]) -> list[Network]:
    try:
        return [ip_network(text) for text in sorted(words)]
    except ValueError as error:
        raise OptionError("callback_addresses", str(error)) from None

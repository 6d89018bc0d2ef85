"""The options of a bind: where an SMSC is, as whom to bind, and how often to try again."""

import ssl

from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.smpp import wire

INTERFACE_VERSION = 0x34


class BindOptions:
    """Where an SMSC is, as whom to bind, and how often to try again."""

    def __init__(self, options: Options) -> None:
        self.host = options.text("host").strip()
        self.port = options.whole("port", 2775, least=1, most=65_535)
        self.tls = _tls(options)
        self.body = _bind_body(options)
        self.connect_timeout = options.number("connect_timeout", 5.0, least=0.05)
        self.enquire_link = options.number("enquire_link", 30.0, least=0.05)
        self.least_pause = options.number("reconnect_least", 1.0, least=0.01)
        self.most_pause = options.number("reconnect_most", 60.0, least=0.01)


def _tls(options: Options) -> ssl.SSLContext | None:
    is_used, ca_file = options.flag("tls"), options.text("ca_file", "")
    try:
        return ssl.create_default_context(cafile=ca_file or None) if is_used else None
    except (OSError, ssl.SSLError) as error:
        raise OptionError("ca_file", f"cannot be read: {error.strerror or error}") from None


def _bind_body(options: Options) -> bytes:
    """Return the body of a bind."""
    # Lengths by the spec (4.1.1) are not checked, since SMSCs take longer passwords.
    words = [
        options.text("system_id"),
        options.secret("password", "").reveal(),
        options.text("system_type", ""),
    ]
    for name, word in zip(("system_id", "password", "system_type"), words, strict=True):
        if not word.isascii() or "\0" in word:
            raise OptionError(name, "must be ASCII")
    address = bytes([INTERFACE_VERSION, 0, 0]) + wire.c_string(options.text("address_range", ""))
    return b"".join(map(wire.c_string, words)) + address

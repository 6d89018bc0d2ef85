"""Signing requests, and knowing the signature of a callback."""

import base64
import hashlib
import hmac

from vestnik.providers.errors import OptionError
from vestnik.providers.http.templates import Compiler, TemplateValues
from vestnik.providers.options import Options

METHODS = ("md5", "sha1", "sha256", "sha512", "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512")
ENCODINGS = ("hex", "base64")


def digest(method: str, secret: str, octets: bytes, encoding: str) -> str:
    """By a bare hash the secret stands where the text to sign has it, so it is put in there."""
    kind = method.removeprefix("hmac-")
    if method.startswith("hmac-"):
        found = hmac.new(secret.encode(), octets, kind).digest()
    else:
        found = hashlib.new(kind, octets, usedforsecurity=False).digest()
    return found.hex() if encoding == "hex" else base64.b64encode(found).decode()


class Signature:
    """What `{signature}` stands for: a digest of a template of its own.

    `{secret}` in that template is the secret; a keyed method needs none there.
    """

    def __init__(self, options: Options, compiler: Compiler) -> None:
        source = options.text("signature_text", "")
        self._method = options.choice("signature_method", "sha256", METHODS)
        self._encoding = options.choice("signature_encoding", "hex", ENCODINGS)
        self._secret = options.secret("signature_secret", "")
        if source and not self._secret:
            raise OptionError("signature_secret", "is required beside signature_text")
        #: The body is signed as it is sent, so it is made first.
        self.of_the_body = "{body}" in source
        whole = source.replace("{secret}", "\0")
        self._text = compiler.plain("signature_text", whole) if source else None

    def sign(self, values: TemplateValues) -> str:
        """Empty where nothing is signed."""
        if self._text is None:
            return ""
        secret = self._secret.reveal()
        text = self._text.fill(values).replace("\0", secret)
        return digest(self._method, secret, text.encode(), self._encoding)

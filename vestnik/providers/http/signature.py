"""Signs requests, and verifies the signatures of callbacks."""

import base64
import hashlib
import hmac

from vestnik.providers.errors import OptionError
from vestnik.providers.http.templates import Compiler, TemplateValues
from vestnik.providers.options import Options

#: md5 and sha1 are weak, but some gateways offer nothing else.
METHODS = ("md5", "sha1", "sha256", "sha512", "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512")
ENCODINGS = ("hex", "base64")


def digest(method: str, secret: str, octets: bytes, encoding: str) -> str:
    """Return the digest of the octets, by an HMAC or a plain hash."""
    kind = method.removeprefix("hmac-")
    if method.startswith("hmac-"):
        octets_digest = hmac.new(secret.encode(), octets, kind).digest()
    else:
        # A plain hash has no key: the template of the text contains the secret.
        octets_digest = hashlib.new(kind, octets, usedforsecurity=False).digest()
    return octets_digest.hex() if encoding == "hex" else base64.b64encode(octets_digest).decode()


class Signature:
    """The value of `{signature}`: a digest of a template of its own.

    `{secret}` in that template is the secret; an HMAC needs none there.
    """

    def __init__(self, options: Options, compiler: Compiler) -> None:
        source = options.text("signature_text", "")
        self._method = options.choice("signature_method", "sha256", METHODS)
        self._encoding = options.choice("signature_encoding", "hex", ENCODINGS)
        self._secret = options.secret("signature_secret", "")
        if source and not self._secret:
            raise OptionError("signature_secret", "is required beside signature_text")
        #: Whether the body is signed, so that it has to be built first.
        self.of_the_body = "{body}" in source
        # A NUL marks the place, so that no value of a message can be taken for it.
        whole = source.replace("{secret}", "\0")
        self._text = compiler.plain("signature_text", whole) if source else None

    def sign(self, values: TemplateValues) -> str:
        """Return the signature; empty if nothing is signed."""
        if self._text is None:
            return ""
        secret = self._secret.reveal()
        text = self._text.fill(values).replace("\0", secret)
        return digest(self._method, secret, text.encode(), self._encoding)

"""A text's alphabet, and what a gateway calls it."""

from dataclasses import dataclass
from functools import lru_cache

from vestnik.providers import gsm_alphabet
from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.segments import Encoding, encoding_of, segments_of


@dataclass(frozen=True, slots=True)
class Alphabets:
    """The gateway's names of GSM 7-bit and UCS-2, as a number and as a word."""

    codings: tuple[str, str]
    encodings: tuple[str, str]

    @classmethod
    def configured(cls, options: Options) -> "Alphabets":
        codings = _pair_of(options, "coding_values", "0,8")
        if not all(word.isascii() and word.isdigit() for word in codings):
            raise OptionError("coding_values", "must be two whole numbers: see encoding_values")
        return cls(codings, _pair_of(options, "encoding_values", "gsm-7,ucs-2"))


# Most mailings send the same text to all clients, so results are cached.
@lru_cache(maxsize=256)
def in_ucs_2(text: str) -> bool:
    """Return whether the text is sent as UCS-2; also the index of its names in `Alphabets`."""
    return encoding_of(text) is Encoding.UCS_2


@lru_cache(maxsize=256)
def octets_hex(text: str) -> str:
    """Return the octets in hexadecimal: one per septet of GSM 7-bit, else UTF-16."""
    if in_ucs_2(text):
        return text.encode("utf-16-be", "replace").hex()
    return b"".join(map(gsm_alphabet.encode_letter, text)).hex()


count_segments = lru_cache(maxsize=256)(segments_of)


def _pair_of(options: Options, name: str, default: str) -> tuple[str, str]:
    words = [word.strip() for word in options.text(name, default).split(",")]
    if len(words) != 2 or not all(words):
        raise OptionError(name, f"must be two words, of GSM 7-bit and of UCS-2, like {default}")
    return words[0], words[1]

"""Reads a provider's options: text from the environment into typed and checked values."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from urllib.parse import urlsplit

from vestnik.providers.errors import OptionError
from vestnik.variables import FALSE_WORDS, TRUE_WORDS

Word = TypeVar("Word", bound=str)

#: PostgreSQL and event loops take no longer times; "inf" is a number to Python.
MOST_SECONDS = 86_400.0
MOST_A_SECOND = 1_000_000.0


class Secret:
    """A value that no repr, log or error shows; `reveal` returns it for the wire."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


class Options:
    """Takes options one by one; what is left at the end is unknown.

    Each error is an OptionError, which names the option and never shows a secret.
    """

    def __init__(self, options: Mapping[str, object]) -> None:
        self._left = dict(options)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; required without a default."""
        value = self._left.pop(name, default)
        if value is None or (default is None and not str(value).strip()):
            raise OptionError(name, "is required")
        return str(value)

    def secret(self, name: str, default: str | None = None) -> Secret:
        """Return a text that must never be shown."""
        return Secret(self.text(name, default))

    def number(
        self, name: str, default: float, *, least: float = 0.0, most: float = MOST_SECONDS
    ) -> float:
        """Return a number from `least` to `most`, usually of seconds; empty is the default."""
        value = self._given(name, default)
        try:
            number = float(value)
        except ValueError:
            raise OptionError(name, f"{value!r} is not a number") from None
        if not least <= number <= most:
            raise OptionError(name, f"must be from {least:g} to {most:g}")
        return number

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        """Return a whole number from `least` to `most`; the prefix 0x makes it hexadecimal."""
        value = self._given(name, default)
        try:
            number = int(value, 0)
        except ValueError:
            raise OptionError(name, f"{value!r} is not a whole number") from None
        if not least <= number <= most:
            raise OptionError(name, f"must be from {least} to {most}")
        return number

    def rate(self, name: str) -> float | None:
        """Return a number per second; absent or empty means no limit."""
        if not self._present(name):
            return None
        return self.number(name, 0.0, least=0.001, most=MOST_A_SECOND)

    def decimal(self, name: str) -> Decimal | None:
        """Return an amount of money; absent or empty means unknown."""
        if not self._present(name):
            return None
        value = self._given(name, "")
        try:
            amount = Decimal(value)
        except InvalidOperation:
            raise OptionError(name, f"{value!r} is not an amount") from None
        if not amount >= 0 or not amount.is_finite():
            raise OptionError(name, "must be a finite amount, zero or more")
        return amount

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean: 1, true, yes, on; 0, false, no, off."""
        word = self._given(name, default).lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise OptionError(name, f"{word!r} is neither true nor false")
        return word in TRUE_WORDS

    def choice(self, name: str, default: Word, words: Sequence[Word]) -> Word:
        """Return one of the words, compared without regard to case."""
        value = self._given(name, default)
        for word in words:
            if word.lower() == value.lower():
                return word
        raise OptionError(name, f"{value!r} is not one of {', '.join(words)}")

    def words(self, name: str, default: str = "") -> frozenset[str]:
        """Return a comma-separated set."""
        value = self._left.pop(name, default)
        return frozenset(word.strip() for word in str(value).split(",") if word.strip())

    def url(self, name: str, default: str | None = None) -> str:
        """Return an http or https URL, without a trailing slash; credentials in it are refused."""
        url = self.text(name, default).strip().rstrip("/")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise OptionError(name, "is not a URL") from None
        if not url.isascii():
            raise OptionError(name, "must be ASCII: write an international name as xn--…")
        if parts.scheme not in ("http", "https") or not host:
            raise OptionError(name, "must start with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise OptionError(name, "must not contain credentials: set username and password")
        return url

    def json(self, name: str, default: object = None) -> object:
        """Return a JSON value; text is parsed."""
        value = self._left.pop(name, default)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else default
        except ValueError as error:
            raise OptionError(name, f"is not JSON: {_place(error)}") from None

    def pattern(self, name: str) -> re.Pattern[str] | None:
        """Return a regular expression, or None if it is absent or empty."""
        source = self.text(name, "")
        try:
            return re.compile(source) if source else None
        except re.error as error:
            raise OptionError(name, f"is not a regular expression: {error}") from None

    def done(self) -> None:
        """Raise OptionError if an option is left that no part has read."""
        if self._left:
            raise OptionError(sorted(self._left)[0], "is not an option of this backend")

    def peek(self, name: str) -> str:
        """Return an option that another part reads as well, without taking it."""
        return str(self._left.get(name, ""))

    def text_is_set(self, name: str) -> bool:
        """Return whether the option is given and not empty."""
        return self._present(name)

    def _present(self, name: str) -> bool:
        if str(self._left.get(name) or "").strip():
            return True
        self._left.pop(name, None)
        return False

    def _given(self, name: str, default: object) -> str:
        return str(self._left.pop(name) if self._present(name) else default).strip()


def _place(error: ValueError) -> str:
    """Return where the JSON is malformed; never its text, which may hold a secret."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "malformed"

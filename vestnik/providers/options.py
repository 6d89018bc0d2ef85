"""Reading a provider's options: text from the environment, into typed values."""

from collections.abc import Mapping

from vestnik.providers.errors import OptionError


class Options:
    """Takes options one by one; what is left at the end was not known."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._left = dict(given)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._left.pop(name, default)
        if value is None or (default is None and not str(value).strip()):
            raise OptionError(name, "is required")
        return str(value)

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        value = self._left.pop(name, default)
        try:
            number = float(str(value))
        except ValueError:
            raise OptionError(name, f"{value!r} is not a number") from None
        if not number >= least:
            raise OptionError(name, f"must be at least {least:g}")
        return number

    def rate(self, name: str) -> float | None:
        """A number a second; absent or empty is without limit."""
        if not str(self._left.get(name) or ""):
            self._left.pop(name, None)
            return None
        return self.number(name, 0.0, least=0.001)

    def done(self) -> None:
        """Raises OptionError where an option was given that nobody took."""
        if self._left:
            raise OptionError(sorted(self._left)[0], "is not an option of this backend")

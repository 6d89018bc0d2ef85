"""A reason: a code with parameters, and the English text of the API."""

import json
from collections.abc import Mapping
from typing import Any, Self

from vestnik.reasons.catalogue import TEXTS
from vestnik.reasons.codes import Code

#: Characters. A longer text would not help its reader.
LONGEST = 500


class Reason(str):
    """The English text of a reason, with its code and parameters.

    It is a text, so that any code that takes a text takes a reason. Logic uses the code, and pages
    take their text from the catalogue. A parameter may be a reason itself.
    """

    code: Code
    params: Mapping[str, Any]

    def __new__(cls, code: Code, /, **params: Any) -> Self:
        reason = super().__new__(cls, TEXTS[code].api % {n: _written(v) for n, v in params.items()})
        reason.code, reason.params = code, params
        return reason

    def __getnewargs_ex__(self) -> tuple[tuple[Code], dict[str, Any]]:
        return (self.code,), dict(self.params)

    @classmethod
    def of(cls, text: "str | Reason") -> "Reason":
        """Return a reason unchanged; turn a user's or a gateway's text into one."""
        return text if isinstance(text, Reason) else Reason(Code.OTHER, text=str(text))

    @classmethod
    def from_data(cls, data: object) -> "Reason | None":
        """Return the reason of stored data; None if they are of another version, or damaged."""
        try:
            data = json.loads(data) if isinstance(data, str) else data
            if not isinstance(data, Mapping):
                return None
            params = {n: _read(value) for n, value in data.get("params", {}).items()}
            return Reason(Code(data["code"]), **params)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    @classmethod
    def stored(cls, text: str | None, data: object) -> "Reason | None":
        """Return the reason of a row.

        The version before writes only the text. If the text differs from that of the data, the data
        belong to an earlier reason, and the text is used.
        """
        if not text:
            return None
        known = cls.from_data(data)
        if known is not None and text in (known, storable(known, LONGEST)):
            return known
        return Reason(Code.OTHER, text=text)

    @property
    def data(self) -> dict[str, Any]:
        """The reason as the API returns it."""
        params = {n: v.data if isinstance(v, Reason) else v for n, v in self.params.items()}
        return {"code": str(self.code), "params": params}

    @property
    def json(self) -> str:
        """The reason as it is stored."""
        data = self.data
        return json.dumps(data if data["params"] else {"code": data["code"]})

    def fit(self) -> "Reason":
        """Return the reason without characters that cannot be stored or should not be logged."""
        return Reason(self.code, **{n: _fit(v) for n, v in self.params.items()})

    @property
    def text(self) -> str:
        """The text as it is stored beside the data."""
        return storable(self, LONGEST)


def storable(word: str, longest: int) -> str:
    """Return the text without NUL and lone surrogates.

    A gateway may send anything, and its outcomes are recorded in one statement: one bad text would
    fail them all.
    """
    if len(word) <= longest and word.isprintable():
        return str(word)
    return "".join(filter(str.isprintable, word[: 4 * longest]))[:longest]


def _fit(value: Any) -> Any:
    if isinstance(value, Reason):
        return value.fit()
    return storable(value, LONGEST) if isinstance(value, str) else value


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ", ".join(map(str, value))


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Reason.from_data(value) or str(value)
    return value

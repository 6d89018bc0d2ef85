"""A reason: a code with parameters, and the text that the API answers beside them."""

import json
from collections.abc import Mapping
from typing import Any, Self

from vestnik.reasons.catalogue import TEXTS
from vestnik.reasons.codes import Code

#: Longer than any text that helps.
LONGEST = 500


class Reason(str):
    """The English text of a reason, with the code and the parameters that it was made of.

    A text, so that whatever takes a text takes a reason. Logic asks the code, pages take their
    text from the catalogue; a parameter may be a reason itself.
    """

    code: Code
    params: Mapping[str, Any]

    def __new__(cls, code: Code, /, **params: Any) -> Self:
        made = super().__new__(cls, TEXTS[code].api % {n: _written(v) for n, v in params.items()})
        made.code, made.params = code, params
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[Code], dict[str, Any]]:
        return (self.code,), dict(self.params)

    @classmethod
    def of(cls, text: "str | Reason") -> "Reason":
        """The same reason, or what somebody said in words of their own."""
        return text if isinstance(text, Reason) else Reason(Code.OTHER, text=str(text))

    @classmethod
    def from_data(cls, data: object) -> "Reason | None":
        """The reason of such data; None where they are of another version, or damaged."""
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
        """The reason of a row. The version before writes the text alone: where that is not the text
        of the data, they are of an earlier reason, and the text stands as it is."""
        if not text:
            return None
        known = cls.from_data(data)
        if known is not None and text in (known, storable(known, LONGEST)):
            return known
        return Reason(Code.OTHER, text=text)

    @property
    def data(self) -> dict[str, Any]:
        """As the API answers it."""
        params = {n: v.data if isinstance(v, Reason) else v for n, v in self.params.items()}
        return {"code": str(self.code), "params": params}

    @property
    def json(self) -> str:
        """As it is stored."""
        data = self.data
        return json.dumps(data if data["params"] else {"code": data["code"]})

    def fit(self) -> "Reason":
        """The same without what a table does not take or a log should not show."""
        return Reason(self.code, **{n: _fit(v) for n, v in self.params.items()})

    @property
    def text(self) -> str:
        """The text as it is stored beside the data."""
        return storable(self, LONGEST)


def storable(word: str, longest: int) -> str:
    """The word without what a table does not take (NUL, halves of characters) or a log should not
    show; a gateway may say anything, and its outcomes are recorded together."""
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

"""Strict JSON parsing: bounded size and depth, unique keys, storable text."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from vestnik.api.http.exceptions import TooLarge
from vestnik.middleware.complete_body import ENDED_EARLY

#: Bytes of a mebibyte.
MIB = 1024 * 1024
#: Levels of nesting, so that a small body cannot exhaust the stack.
DEEPEST = 20
#: The most errors in a response, and the longest path of a field in it.
MOST_ERRORS = 100
LONGEST_PART = 100
LONGEST_PATH = 500

Path = tuple[str | int, ...]


class StrictJSONParser(BaseParser):
    """Parses JSON in UTF-8, up to `most_bytes`.

    Refused are values that PostgreSQL or JSON cannot represent (NUL, unpaired surrogates,
    infinity), and repeated keys, of which all but one would be ignored.
    """

    media_type = "application/json"
    most_bytes = MIB

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return read_json(self._read(stream))

    def _read(self, stream: IO[Any]) -> bytes:
        try:
            body: bytes = stream.read(self.most_bytes + 1)
        except OSError:
            raise ParseError(ENDED_EARLY) from None
        if len(body) > self.most_bytes:
            raise TooLarge(f"Send at most {self.most_bytes // MIB} MiB at once.")
        return body


class BulkJSONParser(StrictJSONParser):
    """StrictJSONParser for long lists."""

    most_bytes = 16 * MIB


def read_json(body: bytes) -> Any:
    """Parse a document by the rules of StrictJSONParser. Raises ParseError or ValidationError."""
    parsed = _load(body)
    # A path is joined only for a problem: otherwise a long key would be copied for each value.
    problems = islice(_unstorable_paths(parsed, ()), MOST_ERRORS)
    if named := {dotted(path): remedies for path, remedies in problems}:
        raise ValidationError(named)
    return parsed


def _load(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_reject_repeated_names,
            parse_constant=_reject_constant,
            parse_float=_parse_finite,
        )
    except UnicodeDecodeError:
        raise ParseError("Send the JSON as UTF-8.") from None
    except RecursionError:
        raise ParseError(f"Nest the JSON at most {DEEPEST} levels deep.") from None
    except ValueError as error:
        raise ParseError(f"This is not JSON: {error}.") from None


def _reject_repeated_names(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(repeated, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValidationError({repeated: ["This key is given twice: give it once."]})
    return found


def _reject_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number of JSON")


def _parse_finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number


def _unstorable_paths(value: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    if len(path) > DEEPEST:
        yield path, [f"Nest it at most {DEEPEST} levels deep."]
    elif isinstance(value, str):
        if remedy := problem_with(value):
            yield path, [remedy]
    elif isinstance(value, dict | list):
        for name, inner in _members(value):
            below = (*path, name)
            if isinstance(name, str) and (remedy := problem_with(name)):
                yield below, [f"Its name: {remedy}"]
            yield from _unstorable_paths(inner, below)


def _members(value: dict[str, Any] | list[Any]) -> Iterable[tuple[str | int, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value)


def dotted(path: Iterable[str | int]) -> str:
    """Return a dotted path in a document, `filter.tags.0`, of a bounded length."""
    return ".".join(shorten(str(name), LONGEST_PART) for name in path)[:LONGEST_PATH]


def shorten(text: str, most: int) -> str:
    """Return the text, shortened if it is long."""
    return text if len(text) <= most else f"{text[:most]}…"


def problem_with(text: str) -> str:
    """Return why PostgreSQL cannot store the text; empty if it can."""
    if "\x00" in text:
        return "Leave out the NUL character."
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "Leave out the unpaired surrogate: it is half a character."
    return ""

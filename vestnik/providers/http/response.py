"""An answer of a gateway, and where in it the code, the id and the reason stand."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.outcomes import PROVIDER_ID_LENGTH
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

LONGEST_REASON = 200
#: No gateway's Retry-After stops its provider for longer.
LONGEST_RETRY_AFTER = 3600.0

MISSING = object()


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer: half of one is never classified."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def document(self) -> object:
        """The body as JSON; MISSING where it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return MISSING


def retry_after(answer: Response) -> float | None:
    """`Retry-After` in seconds (RFC 9110, 10.2.3: seconds, or a date)."""
    word = answer.headers.get("Retry-After", "").strip()
    if word.isascii() and word.isdigit():
        return min(float(word[:9]), LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(word).timestamp() - _answered_at(answer)
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _answered_at(answer: Response) -> float:
    """By the gateway's own clock where it says so (RFC 9110, 6.6.1): ours may be another."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return time.time()


def step_into(document: object, path: tuple[str, ...]) -> object:
    """The value at `path`, MISSING where there is none. Digits step into lists."""
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return MISSING
    return document


def scalar_text(value: object) -> str | None:
    """A scalar of JSON as text; None for what is missing, null or has parts."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


#: Finds one word in an answer: given its text, its document and the number that it is about.
Finder = Callable[[str, object, str], str | None]
#: A step of a path where the answer is keyed by the number, with or without a plus.
BY_NUMBER = "{phone_number}"


def make_finder(options: Options, name: str, default_path: str = "") -> Finder | None:
    """From the options `<name>_path` (`data.0.id`) or `<name>_regex` (group 1, or all of it).

    None where neither is set; a regular expression takes the place of the default path.
    """
    pattern = options.pattern(f"{name}_regex")
    path = options.text(f"{name}_path", "" if pattern else default_path).strip()
    if pattern and path:
        raise OptionError(f"{name}_regex", f"cannot stand beside {name}_path")
    if pattern:
        return _by_pattern(pattern)
    return _by_path(tuple(path.split("."))) if path else None


def _by_path(path: tuple[str, ...]) -> Finder:
    if BY_NUMBER not in path:
        return lambda _, document, number: scalar_text(step_into(document, path))

    def find(_: str, document: object, number: str) -> str | None:
        for key in (number, f"+{number}"):
            steps = tuple(key if step == BY_NUMBER else step for step in path)
            if (word := scalar_text(step_into(document, steps))) is not None:
                return word
        return None

    return find


def _by_pattern(pattern: re.Pattern[str]) -> Finder:
    def find(text: str, _: object, number: str) -> str | None:
        match = pattern.search(text)
        return match[1 if pattern.groups else 0] if match else None

    return find


def normalize_id(word: str | None) -> str:
    """A provider's id as it is kept, in an answer and in a receipt alike; empty where there is
    none, or one that cannot be stored: with NUL, with half of a character."""
    word = (word or "").strip()
    return word[:PROVIDER_ID_LENGTH] if word.isprintable() else ""


def gateway_said(code: str, reason: str = "") -> Reason:
    """The code of an answer, and the reason in the gateway's own words if it gives one."""
    if not reason:
        return Reason(Code.GATEWAY_CODE, code=code)
    return Reason(Code.GATEWAY_SAID, code=code, reason=reason)


def make_readable(reason: str, *hidden: str) -> str:
    """A reason fit to be stored and logged: one short line, without what must not be shown."""
    for word in filter(None, hidden):
        reason = reason.replace(word, "…")
    line = " ".join("".join(c if c.isprintable() else " " for c in reason[:2000]).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"

"""An answer of a gateway, and finders of the code, the id and the reason in it."""

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
from vestnik.reasons.phone_masking import mask_numbers
from vestnik.reasons.reason import Reason

#: Characters of a gateway's reason; a page of HTML would fill the log.
LONGEST_REASON = 200
#: Seconds. A longer Retry-After is cut, so that one answer cannot stop a provider for days.
LONGEST_RETRY_AFTER = 3600.0

MISSING = object()


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer; a partial one is never classified."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def document(self) -> object:
        """Return the body as JSON; MISSING if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return MISSING


def retry_after(answer: Response) -> float | None:
    """Return `Retry-After` in seconds (RFC 9110, 10.2.3: seconds or a date), or None."""
    word = answer.headers.get("Retry-After", "").strip()
    if word.isascii() and word.isdigit():
        return min(float(word[:9]), LONGEST_RETRY_AFTER)
    retry_at = _timestamp(word)
    if retry_at is None:
        return None
    # By the gateway's own clock if it sends a Date (RFC 9110, 6.6.1), since ours may differ.
    answered_at = _timestamp(answer.headers.get("Date", ""))
    seconds = retry_at - (time.time() if answered_at is None else answered_at)
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _timestamp(date: str) -> float | None:
    """Return a date of HTTP as a timestamp; None if it is not one."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def step_into(document: object, path: tuple[str, ...]) -> object:
    """Return the value at `path`; MISSING if there is none. Digits step into lists."""
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return MISSING
    return document


def scalar_text(value: object) -> str | None:
    """Return a JSON scalar as text; None for a missing value, null, a list or an object."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


#: Finds a value in an answer: takes its text, its document and the recipient's number.
Finder = Callable[[str, object, str], str | None]
#: A step of a path through an object keyed by the number, with or without a plus.
BY_NUMBER = "{phone_number}"


def make_finder(options: Options, name: str, default_path: str = "") -> Finder | None:
    """Return a finder by the option `<name>_path` (`data.0.id`) or `<name>_regex`.

    The expression's group 1 counts, or all of it without groups. None if neither option is set; an
    expression replaces the default path.
    """
    pattern = options.pattern(f"{name}_regex")
    path = options.text(f"{name}_path", "" if pattern else default_path).strip()
    if pattern and path:
        raise OptionError(f"{name}_regex", f"cannot be combined with {name}_path")
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
    """Return a provider's id as it is stored, in an answer and in a receipt alike.

    Empty if there is none, or if it cannot be stored: with NUL, or with a lone surrogate.
    """
    word = (word or "").strip()
    return word[:PROVIDER_ID_LENGTH] if word.isprintable() else ""


def gateway_said(code: str, reason: str = "") -> Reason:
    """Return a reason with the code of an answer and the gateway's own words, if any."""
    if not reason:
        return Reason(Code.GATEWAY_CODE, code=code)
    return Reason(Code.GATEWAY_SAID, code=code, reason=reason)


def make_readable(reason: str, *hidden: str) -> str:
    """Return the reason as one short line that can be stored and logged.

    `hidden` and phone numbers, of whichever message, are masked.
    """
    for word in filter(None, hidden):
        reason = reason.replace(word, "…")
    line = " ".join("".join(c if c.isprintable() else " " for c in reason[:2000]).split())
    line = mask_numbers(line)
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"

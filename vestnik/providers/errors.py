"""Errors in the declaration of a provider, or of a connection to it."""

import errno
import os

from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason


class OptionError(Exception):
    """Raised when an option of a provider is missing, unknown or malformed."""

    def __init__(self, option: str, problem: str) -> None:
        self.option, self.problem = option, problem
        super().__init__(f"{option}: {problem}")


class UnknownProvider(LookupError):
    """Raised when no provider of that alias is configured."""


CODES = {errno.ECONNREFUSED: Code.CONNECTION_REFUSED, errno.ECONNRESET: Code.CONNECTION_RESET}


def reason_of_errno(number: int | None, text: str = "") -> str:
    """Return why there is no connection, by `errno`, with the text of the error if it has one."""
    # asyncio reports several failed addresses as one error without a number; resolvers use negative
    # ones.
    if not number or number < 0:
        return Reason(Code.CONNECTION_REFUSED, text=text or "refused")
    text = text or os.strerror(number)
    return Reason(CODES[number], text=text) if number in CODES else text

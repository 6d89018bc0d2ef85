"""The meaning of a gateway's statuses and codes: configured, with defaults that never guess."""

from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.outcomes import ErrorClass

#: In this order; a later one wins. 408: the gateway may or may not have read the request. 409: it
#: may know this id already. A redirect may follow a request that was processed (RFC 9110, 15.4.4),
#: and a 5xx has no details: both are ambiguous, since they are not listed here.
STATUSES = (
    ("success_statuses", ErrorClass.ACCEPTED, "200-299"),
    ("permanent_statuses", ErrorClass.PERMANENT, "400-499"),
    ("temporary_statuses", ErrorClass.TEMPORARY, "425,429"),
    ("account_statuses", ErrorClass.ACCOUNT, "401,403"),
    ("ambiguous_statuses", ErrorClass.AMBIGUOUS, "408,409"),
)
CODES = (
    ("success_codes", ErrorClass.ACCEPTED, "0"),
    ("permanent_codes", ErrorClass.PERMANENT, ""),
    ("temporary_codes", ErrorClass.TEMPORARY, ""),
    ("account_codes", ErrorClass.ACCOUNT, ""),
    ("ambiguous_codes", ErrorClass.AMBIGUOUS, ""),
)
OTHER_CODES = {
    "permanent": ErrorClass.PERMANENT,
    "temporary": ErrorClass.TEMPORARY,
    "ambiguous": ErrorClass.AMBIGUOUS,
}


class ErrorCodes:
    """Maps answers to error classes: a listed code beats the status, but a success code does not
    beat an error status."""

    def __init__(self, options: Options) -> None:
        self._statuses = {
            status: error_class
            for option, error_class, default in STATUSES
            for status in _statuses(option, options.words(option, default))
        }
        self._codes = {
            code: error_class
            for option, error_class, default in CODES
            for code in options.words(option, default)
        }
        self._other = OTHER_CODES[options.choice("other_codes", "permanent", list(OTHER_CODES))]

    def lists(self, code: str) -> bool:
        """Return whether an option names the code."""
        return code in self._codes

    def by_status(self, status: int) -> ErrorClass:
        return self._statuses.get(status, ErrorClass.AMBIGUOUS)

    def by_code(self, status: int, code: str) -> ErrorClass:
        by_status, by_code = self.by_status(status), self._codes.get(code)
        if by_status is ErrorClass.ACCEPTED:
            return by_code or self._other
        return by_status if by_code in (None, ErrorClass.ACCEPTED) else by_code


def _statuses(option: str, words: frozenset[str]) -> set[int]:
    statuses: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        if not (first.isdigit() and (last or first).isdigit()):
            raise OptionError(option, f"{word!r} is not a status or a range like 400-499")
        statuses.update(range(int(first), int(last or first) + 1))
    return statuses

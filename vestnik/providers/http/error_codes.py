"""Which statuses and codes of a gateway mean what: configured, with defaults that never guess."""

from enum import Enum, auto

from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options


class Verdict(Enum):
    """What an answer says of the message."""

    ACCEPTED = auto()
    PERMANENT = auto()
    TEMPORARY = auto()
    #: Nothing of ours will be taken until somebody mends the account.
    ACCOUNT = auto()
    #: The gateway may have taken the message, or not.
    AMBIGUOUS = auto()


#: In this order, a later one wins. 408: the gateway did not read all of the request, or says so.
#: 409: it may know this id already. A redirect may follow a request that was taken (RFC 9110,
#: 15.4.4), and a 5xx says nothing: both are ambiguous by not being named here.
STATUSES = (
    ("success_statuses", Verdict.ACCEPTED, "200-299"),
    ("permanent_statuses", Verdict.PERMANENT, "400-499"),
    ("temporary_statuses", Verdict.TEMPORARY, "425,429"),
    ("account_statuses", Verdict.ACCOUNT, "401,403"),
    ("ambiguous_statuses", Verdict.AMBIGUOUS, "408,409"),
)
CODES = (
    ("success_codes", Verdict.ACCEPTED, "0"),
    ("permanent_codes", Verdict.PERMANENT, ""),
    ("temporary_codes", Verdict.TEMPORARY, ""),
    ("account_codes", Verdict.ACCOUNT, ""),
    ("ambiguous_codes", Verdict.AMBIGUOUS, ""),
)
OTHER_CODES = {
    "permanent": Verdict.PERMANENT,
    "temporary": Verdict.TEMPORARY,
    "ambiguous": Verdict.AMBIGUOUS,
}


class Verdicts:
    """A code that is listed says more than the status; a success code only with a success."""

    def __init__(self, given: Options) -> None:
        self._statuses = {
            status: verdict
            for option, verdict, default in STATUSES
            for status in _statuses(option, given.words(option, default))
        }
        self._codes = {
            code: verdict
            for option, verdict, default in CODES
            for code in given.words(option, default)
        }
        self._other = OTHER_CODES[given.choice("other_codes", "permanent", list(OTHER_CODES))]

    def lists(self, code: str) -> bool:
        """Whether an option names the code."""
        return code in self._codes

    def by_status(self, status: int) -> Verdict:
        return self._statuses.get(status, Verdict.AMBIGUOUS)

    def by_code(self, status: int, code: str) -> Verdict:
        by_status, by_code = self.by_status(status), self._codes.get(code)
        if by_status is Verdict.ACCEPTED:
            return by_code or self._other
        return by_status if by_code in (None, Verdict.ACCEPTED) else by_code


def _statuses(option: str, words: frozenset[str]) -> set[int]:
    found: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        if not (first.isdigit() and (last or first).isdigit()):
            raise OptionError(option, f"{word!r} is not a status or a range like 400-499")
        found.update(range(int(first), int(last or first) + 1))
    return found

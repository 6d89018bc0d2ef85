"""SMSC.ru's error codes and statuses, with what each of them means."""

from collections.abc import Mapping

from vestnik.providers.events import ReceiptState
from vestnik.providers.outcomes import ErrorClass
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: `error_code` of send.php (c). 9 means more than one identical request a minute, or 15 concurrent
#: ones of a login. The former could mean that an earlier one was accepted, but ours are sent once.
SEND_ERRORS: Mapping[str, tuple[Code, ErrorClass]] = {
    "1": (Code.PARAMETER_WRONG, ErrorClass.PERMANENT),
    "2": (Code.LOGIN_WRONG, ErrorClass.ACCOUNT),
    "3": (Code.NO_MONEY, ErrorClass.ACCOUNT),
    "4": (Code.ADDRESS_BLOCKED, ErrorClass.ACCOUNT),
    "5": (Code.DATE_FORMAT_WRONG, ErrorClass.PERMANENT),
    "6": (Code.TEXT_FORBIDDEN, ErrorClass.PERMANENT),
    "7": (Code.NUMBER_FORMAT_WRONG, ErrorClass.PERMANENT),
    "8": (Code.NUMBER_UNDELIVERABLE, ErrorClass.PERMANENT),
    "9": (Code.TOO_MANY_REQUESTS, ErrorClass.TEMPORARY),
}

#: `status` of a message. Not final: -3 not found (an error of the look-up), -2 stopped (public
#: clients disagree), -1 waiting, 0 handed to the operator, 24 no money (sent after a top-up).
STATUSES: Mapping[str, tuple[Reason | None, ReceiptState]] = {
    "1": (None, "delivered"),
    "2": (None, "delivered"),  # read
    "3": (Reason(Code.EXPIRED, word="expired"), "undelivered"),
    "4": (None, "delivered"),  # a link in it was opened
    "6": (Reason(Code.SPAM), "undelivered"),
    "20": (Reason(Code.DELIVERY_IMPOSSIBLE), "undelivered"),
    "22": (Reason(Code.WRONG_NUMBER), "undelivered"),
    "23": (Reason(Code.OPERATOR_FORBIDS), "undelivered"),
    "25": (Reason(Code.NUMBER_UNAVAILABLE), "undelivered"),
}
UNDERWAY = frozenset({"-2", "-1", "0", "24"})


def reason_of_status(status: str, reason: Reason, error: str) -> Reason:
    """Return the reason of a final status, with the network's error if there is one."""
    network = Reason(Code.NO_NETWORK_ERROR, reason=reason)
    if error != "0":
        network = Reason(Code.NETWORK_ERROR, reason=reason, error=error)
    return Reason(Code.GATEWAY_SAID, code=status, reason=network)

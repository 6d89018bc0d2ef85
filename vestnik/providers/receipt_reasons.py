"""Reasons of undelivered messages, by the words of a receipt."""

from collections.abc import Mapping

from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: The words of SMPP 3.4, appendix B, and variants that SMSCs use.
CODES: Mapping[str, Code] = {
    "UNDELIV": Code.UNDELIVERABLE,
    "UNDELIVERED": Code.UNDELIVERABLE,
    "UNDELIVERABLE": Code.UNDELIVERABLE,
    "EXPIRED": Code.EXPIRED,
    "REJECTD": Code.NETWORK_REJECTED,
    "REJECTED": Code.NETWORK_REJECTED,
    "DELETED": Code.PROVIDER_DELETED,
}


def reason_of_word(word: str) -> str:
    """Return the meaning of a state's word; an unknown word is returned as it is."""
    code = CODES.get(word.upper())
    return Reason(code, word=word) if code else word


def reason_of_receipt(word: str, error: str) -> str:
    """Return the reason by the word of a state, and by the network's error if there is one."""
    reason = reason_of_word(word)
    if not error:
        return reason
    code = Code.RECEIPT_ERROR if error.strip("0") else Code.RECEIPT_WITHOUT_ERROR
    return Reason(code, reason=reason, error=error)

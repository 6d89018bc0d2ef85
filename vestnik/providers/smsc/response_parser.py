"""Parses SMSC.ru's response to a message into its outcome."""

from collections.abc import Mapping

from vestnik.providers.http.response import (
    Response,
    gateway_said,
    make_readable,
    retry_after,
    scalar_text,
)
from vestnik.providers.outcomes import (
    PROVIDER_ID_LENGTH,
    Accepted,
    Deferred,
    ErrorClass,
    Outcome,
    Rejected,
    Unknown,
    account_refused,
)
from vestnik.providers.smsc.codes import SEND_ERRORS
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds. A blocked address or an empty account stays so for longer than a busy gateway.
ACCOUNT_PAUSE, BUSY_PAUSE = 60.0, 5.0


def outcome_of_response(answer: Response) -> Outcome:
    """Return the outcome; `Unknown` if the response does not say whether it took the message."""
    document = answer.document()
    if not isinstance(document, dict):
        return _without_json(answer)
    if "error_code" in document:
        return _refusal(scalar_text(document["error_code"]) or "", document)
    provider_id = scalar_text(document.get("id"))
    if answer.status != 200 or provider_id is None or "cnt" not in document:
        return Unknown(_unreadable(answer, "the vendor's"))
    return Accepted(provider_id[:PROVIDER_ID_LENGTH])


def _refusal(code: str, document: Mapping[str, object]) -> Outcome:
    known, error_class = SEND_ERRORS.get(code, (Code.UNKNOWN_ERROR, ErrorClass.AMBIGUOUS))
    words = make_readable(scalar_text(document.get("error")) or "")
    explained = Reason(Code.GATEWAY_WORDS, reason=Reason(known), text=words)
    if error_class is ErrorClass.PERMANENT:
        return Rejected(code, explained)
    reason = Reason(Code.GATEWAY_SAID, code=code, reason=explained)
    if error_class is ErrorClass.AMBIGUOUS:
        return Unknown(reason)
    if error_class is ErrorClass.TEMPORARY:
        return Deferred(reason, BUSY_PAUSE, provider_wide=True)
    return account_refused(code, ACCOUNT_PAUSE, reason=explained)


def _without_json(answer: Response) -> Outcome:
    if answer.status == 429:
        wish = retry_after(answer)
        return Deferred(
            gateway_said("HTTP 429"), BUSY_PAUSE if wish is None else wish, provider_wide=True
        )
    return Unknown(_unreadable(answer, "JSON"))


def _unreadable(answer: Response, expected: str) -> Reason:
    return Reason(Code.UNREADABLE_ANSWER, status=answer.status, expected=expected)

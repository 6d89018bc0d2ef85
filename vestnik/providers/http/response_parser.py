"""Turns an answer into an outcome, as configured."""

from vestnik.providers.base import (
    Accepted,
    Deferred,
    OutboundMessage,
    Outcome,
    Rejected,
    Unknown,
    account_refused,
)
from vestnik.providers.http.error_codes import ErrorCodes
from vestnik.providers.http.response import (
    Response,
    gateway_said,
    make_finder,
    make_readable,
    normalize_id,
    retry_after,
)
from vestnik.providers.options import Options
from vestnik.providers.outcomes import ErrorClass
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds of pause after "too many requests" without a Retry-After.
DEFAULT_THROTTLE_PAUSE = 1.0


class ResponseParser:
    """Finds the code, the id and the reason in an answer, and derives the outcome.

    Each configured element must be in an accepting answer. If one is missing, the answer is not the
    gateway's own and the outcome is unknown.
    """

    def __init__(self, options: Options) -> None:
        self._error_codes = ErrorCodes(options)
        self._code = make_finder(options, "code", "code")
        self._id = make_finder(options, "id")
        self._echo = make_finder(options, "echo")
        self._reason = make_finder(options, "error", "message")

    def parse(self, answer: Response, message: OutboundMessage) -> Outcome:
        text, document = answer.text(), answer.document()
        number = message.phone_number
        code = self._code(text, document, number) if self._code else None
        if code is not None:
            error_class = self._error_codes.by_code(answer.status, code)
        else:
            error_class = self._error_codes.by_status(answer.status)
        if error_class is ErrorClass.ACCEPTED:
            return self._accepted(message, text, document, code)
        reason = self._reason(text, document, number) if self._reason else None
        is_listed = code is not None and self._error_codes.lists(code)
        code = code and make_readable(code)
        reason = make_readable(reason or "", message.phone_number)
        return _refusal(error_class, answer, code, reason, is_listed)

    def _accepted(
        self, message: OutboundMessage, text: str, document: object, code: str | None
    ) -> Outcome:
        if self._code and code is None:
            return Unknown(Reason(Code.FOREIGN_ANSWER))
        number = message.phone_number
        # An echo of another id shows that answers were mixed up.
        if self._echo and self._echo(text, document, number) != str(message.message_id):
            return Unknown(Reason(Code.OTHER_MESSAGE))
        if not self._id:
            return Accepted()
        provider_id = normalize_id(self._id(text, document, number))
        return Accepted(provider_id) if provider_id else Unknown(Reason(Code.NO_MESSAGE_ID))


def _refusal(
    error_class: ErrorClass, answer: Response, code: str | None, reason: str, is_listed: bool
) -> Outcome:
    code_text = code or f"HTTP {answer.status}"
    if error_class is ErrorClass.PERMANENT:
        return Rejected(code_text, reason or Reason(Code.GATEWAY_REFUSED))
    reason_with_code = gateway_said(code_text, reason)
    if error_class is ErrorClass.TEMPORARY:
        pause, too_much = retry_after(answer), answer.status == 429
        if too_much and pause is None:
            pause = DEFAULT_THROTTLE_PAUSE
        return Deferred(reason_with_code, pause, provider_wide=too_much)
    if error_class is ErrorClass.ACCOUNT:
        # A 403 may concern one number; a code that is configured as the account's does not.
        perhaps = answer.status == 403 and not is_listed
        account_code = code or str(answer.status)
        return account_refused(account_code, retry_after(answer), reason=reason, perhaps=perhaps)
    return Unknown(reason_with_code)

"""From an answer to an outcome, as configured."""

from vestnik.providers.base import (
    Accepted,
    Deferred,
    Outcome,
    Outgoing,
    Rejected,
    Unknown,
    account_refused,
)
from vestnik.providers.http.error_codes import Verdict, Verdicts
from vestnik.providers.http.response import (
    Answer,
    finder,
    gateway_said,
    id_of,
    readable,
    retry_after,
)
from vestnik.providers.options import Options
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds of rest for a gateway that says "too much", and not for how long.
TOO_MUCH = 1.0


class Reading:
    """Finds the code, the id and the reason in an answer and judges them.

    What is configured to stand in an answer must stand in an accepting one: where it does not,
    the answer is not the gateway's and the message is in doubt.
    """

    def __init__(self, given: Options) -> None:
        self._verdicts = Verdicts(given)
        self._code = finder(given, "code", "code")
        self._id = finder(given, "id")
        self._echo = finder(given, "echo")
        self._reason = finder(given, "error", "message")

    def outcome(self, answer: Answer, message: Outgoing) -> Outcome:
        text, document = answer.text(), answer.document()
        number = message.phone_number
        code = self._code(text, document, number) if self._code else None
        if code is not None:
            verdict = self._verdicts.by_code(answer.status, code)
        else:
            verdict = self._verdicts.by_status(answer.status)
        is_listed = code is not None and self._verdicts.lists(code)
        if verdict is Verdict.ACCEPTED:
            return self._accepted(message, text, document, code)
        reason = self._reason(text, document, number) if self._reason else None
        code = code and readable(code)
        reason = readable(reason or "", message.phone_number)
        return _refusal(verdict, answer, code, reason, is_listed)

    def _accepted(
        self, message: Outgoing, text: str, document: object, code: str | None
    ) -> Outcome:
        if self._code and code is None:
            return Unknown(Reason(Code.FOREIGN_ANSWER))
        number = message.phone_number
        if self._echo and self._echo(text, document, number) != str(message.message_id):
            return Unknown(Reason(Code.OTHER_MESSAGE))
        if not self._id:
            return Accepted()
        provider_id = id_of(self._id(text, document, number))
        return Accepted(provider_id) if provider_id else Unknown(Reason(Code.NO_MESSAGE_ID))


def _refusal(
    verdict: Verdict, answer: Answer, code: str | None, reason: str, is_listed: bool
) -> Outcome:
    named = code or f"HTTP {answer.status}"
    if verdict is Verdict.PERMANENT:
        return Rejected(named, reason or Reason(Code.GATEWAY_REFUSED))
    said = gateway_said(named, reason)
    if verdict is Verdict.TEMPORARY:
        wish, too_much = retry_after(answer), answer.status == 429
        if too_much and wish is None:
            wish = TOO_MUCH
        return Deferred(said, wish, provider_wide=too_much)
    if verdict is Verdict.ACCOUNT:
        # A 403 may be about one number; a code that is configured as the account's is not.
        perhaps = answer.status == 403 and not is_listed
        account_code = code or str(answer.status)
        return account_refused(account_code, retry_after(answer), reason=reason, perhaps=perhaps)
    return Unknown(said)

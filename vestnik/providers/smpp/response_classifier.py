"""Derives the outcome of a message from the responses to its parts."""

from collections.abc import Callable, Sequence

from vestnik.providers.base import (
    PROVIDER_ID_LENGTH,
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    Unknown,
    account_refused,
)
from vestnik.providers.options import Options
from vestnik.providers.outcomes import ErrorClass
from vestnik.providers.smpp.session import Answer
from vestnik.providers.smpp.status import error_classes, name_of
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

Answers = Sequence[Answer | None]


class ResponseClassifier:
    """Classifies responses by this connection's table; `id_of` normalises ids as receipts do."""

    def __init__(self, options: Options, id_of: Callable[[str], str]) -> None:
        self._error_classes = error_classes(options)
        self._id_of = id_of

    def acceptance(self, answers: Answers) -> Accepted | None:
        """Return the acceptance if all parts are accepted, else None."""
        # The common case, so it comes first and takes no table.
        for answer in answers:
            if answer is None or answer.status:
                return None
        return self._accepted(answers)

    def is_throttled(self, answers: Answers) -> bool:
        return any(self._classify(answer) is ErrorClass.THROTTLED for answer in answers)

    def is_unbound(self, answers: Answers) -> bool:
        return any(self._classify(answer) is ErrorClass.UNBOUND for answer in answers)

    def parts_to_resend(self, answers: Answers) -> list[int]:
        """Return the parts that were refused for now while others of the message were accepted."""
        classes = [self._classify(answer) for answer in answers]
        if None not in classes or not TEMPORARY_CLASSES.issuperset(filter(None, classes)):
            return []
        return [index for index, error_class in enumerate(classes) if error_class]

    def refusal(self, answers: Answers, pause: float) -> Outcome:
        """Return the outcome of a message that is not accepted.

        A handset shows no message of which parts are missing. Refused for good, it is rejected.
        Refused for now until the end of its time, it is unknown, since it cannot be sent again as a
        whole.
        """
        worst, answer = min(
            ((self._classify(answer), answer) for answer in answers),
            key=lambda classified: SEVERITY.index(classified[0]),
        )
        if answer is None:
            return Unknown(Reason(Code.CONNECTION_CLOSED))
        name = name_of(answer.status)
        answered = Reason(Code.SMSC_ANSWERED, name=name)
        if worst is ErrorClass.AMBIGUOUS:
            return Unknown(answered)
        accepted_parts = sum(self._classify(answer) is None for answer in answers)
        if worst is ErrorClass.PERMANENT:
            return Rejected(
                name, _with_parts(Reason(Code.SMSC_REFUSED), accepted_parts, len(answers))
            )
        if accepted_parts:
            return Unknown(_with_parts(answered, accepted_parts, len(answers)))
        if worst is ErrorClass.ACCOUNT:
            return account_refused(name, perhaps=True)
        wide = worst is not ErrorClass.TEMPORARY
        retry_after = pause if worst is ErrorClass.THROTTLED else None
        return Deferred(answered, retry_after, provider_wide=wide)

    def _classify(self, answer: Answer | None) -> ErrorClass | None:
        """Return the error class; None means accepted. No response, or an unlisted status, is
        ambiguous."""
        if answer is None:
            return ErrorClass.AMBIGUOUS
        return (
            self._error_classes.get(answer.status, ErrorClass.AMBIGUOUS) if answer.status else None
        )

    def _accepted(self, answers: Answers) -> Accepted:
        ids = tuple(self._id_of(answer.text)[:PROVIDER_ID_LENGTH] for answer in answers if answer)
        return Accepted(ids[0], ids if len(ids) > 1 else ())


def _with_parts(reason: Reason, taken: int, all: int) -> Reason:
    return Reason(Code.PARTS_TAKEN, reason=reason, taken=taken, all=all) if taken else reason


TEMPORARY_CLASSES = frozenset({ErrorClass.TEMPORARY, ErrorClass.THROTTLED})
#: The most severe response decides for the message; doubt outweighs everything else.
SEVERITY = (
    ErrorClass.AMBIGUOUS,
    ErrorClass.PERMANENT,
    ErrorClass.ACCOUNT,
    ErrorClass.UNBOUND,
    ErrorClass.THROTTLED,
    ErrorClass.TEMPORARY,
    None,
)

"""From the answers to a message's parts to its outcome."""

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
from vestnik.providers.error_class import ErrorClass
from vestnik.providers.options import Options
from vestnik.providers.smpp.session import Answer
from vestnik.providers.smpp.status import error_classes, name_of
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

Answers = Sequence[Answer | None]


class ResponseClassifier:
    """Classifies by the table of this connection; `id_of` writes ids as receipts will."""

    def __init__(self, options: Options, id_of: Callable[[str], str]) -> None:
        self._error_classes = error_classes(options)
        self._id_of = id_of

    def acceptance(self, answers: Answers) -> Accepted | None:
        """What nearly every message meets: all its parts are taken."""
        for answer in answers:
            if answer is None or answer.status:
                return None
        return self._accepted(answers)

    def is_throttled(self, answers: Answers) -> bool:
        return any(self._classify(answer) is ErrorClass.THROTTLED for answer in answers)

    def is_unbound(self, answers: Answers) -> bool:
        return any(self._classify(answer) is ErrorClass.UNBOUND for answer in answers)

    def parts_to_resend(self, answers: Answers) -> list[int]:
        """The parts that were refused for now while others of the message were taken."""
        found = [self._classify(answer) for answer in answers]
        if None not in found or not TEMPORARY_CLASSES.issuperset(filter(None, found)):
            return []
        return [index for index, error_class in enumerate(found) if error_class]

    def refusal(self, answers: Answers, pause: float) -> Outcome:
        """Of a message that is not accepted.

        Parts of which only some were taken make no message that a handset shows. Refused for
        good it is rejected; refused for now, to the end of its time, it is in doubt, since it
        cannot be sent again whole.
        """
        worst, answer = min(
            ((self._classify(answer), answer) for answer in answers),
            key=lambda found: SEVERITY.index(found[0]),
        )
        if answer is None:
            return Unknown(Reason(Code.CONNECTION_CLOSED))
        name = name_of(answer.status)
        answered = Reason(Code.SMSC_ANSWERED, name=name)
        if worst is ErrorClass.AMBIGUOUS:
            return Unknown(answered)
        taken = sum(self._classify(answer) is None for answer in answers)
        if worst is ErrorClass.PERMANENT:
            return Rejected(name, _with_parts(Reason(Code.SMSC_REFUSED), taken, len(answers)))
        if taken:
            return Unknown(_with_parts(answered, taken, len(answers)))
        if worst is ErrorClass.ACCOUNT:
            return account_refused(name, perhaps=True)
        wide = worst is not ErrorClass.TEMPORARY
        wish = pause if worst is ErrorClass.THROTTLED else None
        return Deferred(answered, wish, provider_wide=wide)

    def _classify(self, answer: Answer | None) -> ErrorClass | None:
        """None is accepted; what has no answer, or is in no table, is in doubt."""
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
#: The gravest answer speaks for the message: doubt outweighs all else.
SEVERITY = (
    ErrorClass.AMBIGUOUS,
    ErrorClass.PERMANENT,
    ErrorClass.ACCOUNT,
    ErrorClass.UNBOUND,
    ErrorClass.THROTTLED,
    ErrorClass.TEMPORARY,
    None,
)

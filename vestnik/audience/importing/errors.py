"""Why a file, or a row of it, is not taken."""

from vestnik.reasons.reason import Reason


class FileProblem(Exception):
    """The file as a whole cannot be taken; the reason says what to do about it."""

    def __init__(self, reason: str) -> None:
        self.reason = Reason.of(reason)
        super().__init__(reason)


def reason_of(error: ValueError) -> Reason:
    """What a reader of a cell or a number gives as the reason of its refusal."""
    return Reason.of(error.args[0] if error.args else "")

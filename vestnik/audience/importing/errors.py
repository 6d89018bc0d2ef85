"""Errors that refuse a file or a row."""

from vestnik.reasons.reason import Reason


class FileProblem(Exception):
    """Raised when the whole file is refused; the reason contains the remedy."""

    def __init__(self, reason: str) -> None:
        self.reason = Reason.of(reason)
        super().__init__(reason)


def reason_of(error: ValueError) -> Reason:
    """Return the reason with which a reader of a cell or a number refused it."""
    return Reason.of(error.args[0] if error.args else "")

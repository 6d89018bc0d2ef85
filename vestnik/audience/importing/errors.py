"""Why a file, or a row of it, is not taken."""


class FileProblem(Exception):
    """The file as a whole cannot be taken; the message says what to do about it."""

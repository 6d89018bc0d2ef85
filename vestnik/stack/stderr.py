"""Lines for the user on standard error."""

import sys


def say(text: str) -> None:
    """Write a line, and flush it."""
    sys.stderr.write(f"vestnik: {text}\n")
    sys.stderr.flush()

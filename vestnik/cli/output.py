"""Prints errors."""

import sys


def fail(text: str, status: int = 1) -> int:
    """Print a line for each error to stderr. Return the exit status."""
    for line in text.splitlines():
        print(f"vestnik: {line}", file=sys.stderr)
    return status

"""Random waits, so that processes do not all act at the same instant."""

import random


def between(least: float, most: float) -> float:
    """Return a random number of seconds between the two."""
    return random.uniform(least, most)  # noqa: S311  (not a secret)

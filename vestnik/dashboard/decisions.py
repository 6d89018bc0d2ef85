"""What wants a decision of the operator."""


def waiting() -> int:
    """How many things want a decision: the badge in the navigation."""
    return 0

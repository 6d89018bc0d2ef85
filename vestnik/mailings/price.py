"""The cost of a mailing: its segments times its provider's price of one."""

from decimal import Decimal

from vestnik.providers.registry import aliases, describe


def price_of(alias: str, segments: int) -> Decimal | None:
    """Return the price of the segments, in the provider's currency; None if it is not known."""
    each = describe(alias).price_per_segment if alias in aliases() else None
    return None if each is None else each * segments

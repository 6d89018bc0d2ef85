"""What a mailing costs: its segments by its provider's price of one."""

from decimal import Decimal

from vestnik.providers.registry import aliases, describe


def price_of(alias: str, segments: int) -> Decimal | None:
    """The price of so many segments; None where the provider's price is not known."""
    each = describe(alias).price_per_segment if alias in aliases() else None
    return None if each is None else each * segments

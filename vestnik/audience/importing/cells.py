"""Cells of the files that we write."""

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: a quote before it says "text"."""
    return f"'{text}" if text.startswith(DANGEROUS) else text

"""Numbers as people type them, in the language of the page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from vestnik.dashboard.audience_builder.typed_values import bound
from vestnik.dashboard.clients.attributes import READ, Kind

#: What is typed, and what it is on an English page and on a Russian one; None: refused.
TYPED = [
    ("1,000", 1000, 1.0),
    ("12,345", 12345, 12.345),
    ("1,000,000", 1000000, None),
    ("1,234.5", 1234.5, None),
    ("-1,000", -1000, -1.0),
    ("−1,000", -1000, -1.0),
    ("1,5", 1.5, 1.5),
    ("1.5", 1.5, 1.5),
    ("1000", 1000, 1000),
    ("1 000", 1000, 1000),
    ("1\u00a0000", 1000, 1000),
    ("1\u202f000,5", 1000.5, 1000.5),
    ("0,250", 0.25, 0.25),
    ("1,00,000", None, None),
]


@pytest.mark.parametrize("read", [bound, READ[Kind.NUMBER]])
@pytest.mark.parametrize(("typed", "english", "russian"), TYPED)
def test_a_comma_is_what_the_page_says(
    read: Callable[[str], Any], typed: str, english: float | None, russian: float | None
):
    for language, meant in (("en", english), ("ru", russian)):
        with translation.override(language):
            if meant is None:
                with pytest.raises(ValidationError):
                    read(typed)
            else:
                assert read(typed) == meant

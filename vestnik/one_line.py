"""Values in a field of one line, out of which a browser leaves the line breaks.

What the API or a file has put into a name or a tag stays as it is until somebody writes another
one: blanks at its ends and breaks within it are not lost by saving a page.
"""

import re
from typing import Any

from django import forms

BREAKS = re.compile(r"[\r\n]")


def unless_untouched(written: str, before: str) -> str:
    """What is written, without blanks at its ends; `before` where the field holds it still."""
    return before if written == BREAKS.sub("", before) else written.strip()


class OneLine(forms.CharField):
    """A field that has not changed while it holds what a browser shows of its initial value. Of
    what is typed, blanks at the ends go."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def clean(self, value: Any) -> Any:
        return super().clean(str(value or "").strip())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return BREAKS.sub("", str(initial or "")) != BREAKS.sub("", str(data or ""))

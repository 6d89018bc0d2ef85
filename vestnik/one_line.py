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
    """A field that has not changed while it holds what a browser shows of its initial value."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _shown(initial) != _shown(data)


def _shown(value: Any) -> str:
    return BREAKS.sub("", str(value or "")).strip()

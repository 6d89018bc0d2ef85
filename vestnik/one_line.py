"""Single-line form fields for values that may contain line breaks.

A browser removes line breaks from such a field. A name or a tag from the API or a file may have
them, or spaces at its ends; saving a page must not change it unless the user edits the field.
"""

import re
from typing import Any

from django import forms

BREAKS = re.compile(r"[\r\n]")


def unless_untouched(written: str, before: str) -> str:
    """Return the input without spaces at its ends, or `before` if the field was not edited."""
    return before if written == BREAKS.sub("", before) else written.strip()


class OneLine(forms.CharField):
    """A field that counts as unchanged while it equals the initial value without line breaks.

    Spaces at the ends of an edited value are removed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def clean(self, value: Any) -> Any:
        return super().clean(str(value or "").strip())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return BREAKS.sub("", str(initial or "")) != BREAKS.sub("", str(data or ""))

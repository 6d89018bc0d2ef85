"""Removes an erased client's number from unsaved forms.

The number is blanked in every operator's unsaved forms, and unsaved forms of the client's own pages
are emptied.
"""

import re
from typing import Any

from django.urls import reverse

from vestnik.dashboard.models import UnsavedForm

#: Matches no client as a condition's value, and is noticed in a text.
BLANKED = "***"
#: Characters between two digits, as in "7 (926) 123". More separate two numbers.
MOST_BETWEEN_DIGITS = 3
OF_A_CLIENT = ("client-edit", "client-stop")
#: A cheap test over all unsaved forms; the pattern then decides.
HOLDING = "regexp_replace(fields::text, '[^0-9]', '', 'g') LIKE %s"


def blank_unsaved_forms(number: str, client: int, **_: Any) -> None:
    """Blank the number in unsaved forms, in any notation; the rest of them stays."""
    pages = [reverse(name, args=[client]) for name in OF_A_CLIENT]
    UnsavedForm.objects.filter(page__in=pages).update(fields=None)
    pattern = _as_written(number)
    holding = f"%{number[1:]}%"
    forms = UnsavedForm.objects.extra(where=[HOLDING], params=[holding])  # noqa: S610  (a constant)
    for form in forms.select_for_update().order_by("token"):
        form.fields = [[name, pattern.sub(BLANKED, value)] for name, value in form.fields]
        form.save(update_fields=["fields"])


def _as_written(number: str) -> re.Pattern[str]:
    """Return a pattern of the number, with or without its country code and separators."""
    between = rf"[^0-9]{{0,{MOST_BETWEEN_DIGITS}}}"
    return re.compile(rf"(?:\+?[78]{between})?{between.join(number[1:])}")

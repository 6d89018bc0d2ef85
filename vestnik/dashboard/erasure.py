"""Blank an erased client's number in what operators have written and not saved yet, and forget
what they have written on the client's own pages."""

import re
from typing import Any

from django.urls import reverse

from vestnik.dashboard.models import UnsavedForm

#: Finds no client as a condition's value, and is seen in a text.
BLANKED = "***"
MOST_BETWEEN_DIGITS = 3
OF_A_CLIENT = ("client-edit", "client-stop")
HOLDING = "regexp_replace(fields::text, '[^0-9]', '', 'g') LIKE %s"


def blank_unsaved_forms(number: str, client: int, **_: Any) -> None:
    """Blank the number in unsaved forms, however it is written there; the rest of them stays."""
    pages = [reverse(name, args=[client]) for name in OF_A_CLIENT]
    UnsavedForm.objects.filter(page__in=pages).update(fields=None)
    written = _as_written(number)
    forms = UnsavedForm.objects.extra(where=[HOLDING], params=[f"%{number[1:]}%"])  # noqa: S610
    for form in forms.select_for_update().order_by("token"):
        form.fields = [[name, written.sub(BLANKED, value)] for name, value in form.fields]
        form.save(update_fields=["fields"])


def _as_written(number: str) -> re.Pattern[str]:
    """The number with or without its country code, and with spaces, hyphens or brackets."""
    between = rf"[^0-9]{{0,{MOST_BETWEEN_DIGITS}}}"
    return re.compile(rf"(?:\+?[78]{between})?{between.join(number[1:])}")

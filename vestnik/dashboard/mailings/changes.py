"""What may change of a mailing under way: its name, its rate and its end."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from vestnik.access.roles import Action
from vestnik.dashboard.mailings.conflicts import refused
from vestnik.dashboard.mailings.found import mailing_or_404
from vestnik.dashboard.mailings.window import Moment
from vestnik.dashboard.pages import OperatorRequest, actor, is_htmx, page
from vestnik.dispatch.hints import look_at
from vestnik.mailings.models import UNDER_WAY, Mailing, StateConflict
from vestnik.mailings.rules import CHANGEABLE, MOST_RATE, changeable, check_ahead, check_window


class Changes(forms.Form):
    """A mailing under way, as far as it may change."""

    name = forms.CharField(required=False, max_length=200, label=gettext_lazy("Name"))
    rate_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_RATE,
        label=gettext_lazy("Messages a second, at most"),
    )
    ends_at = Moment(label=pgettext_lazy("window", "End"))

    def __init__(self, *args: Any, mailing: Mailing, **kwargs: Any) -> None:
        self.mailing = mailing
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "ends_at" in self.changed_data and cleaned.get("ends_at"):
            self._check_end(cleaned["ends_at"])
        return cleaned

    def _check_end(self, ends_at: Any) -> None:
        try:
            check_window(self.mailing.starts_at, ends_at)
            check_ahead(ends_at, under_way=True)
        except ValidationError as error:
            self.add_error(None, error)

    def changes(self) -> dict[str, Any]:
        """The fields that are to change; what was not touched keeps its seconds."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


@page(Action.SEND)
def change_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """Change a mailing: on a small page while it is under way, on its own before."""
    mailing = mailing_or_404(id)
    if changeable(mailing) == CHANGEABLE:
        return redirect("edit-mailing", id)
    if mailing.state not in UNDER_WAY:
        return refused(request, mailing, "change")
    form = Changes(request.POST or None, initial=_now(mailing), mailing=mailing)
    if form.is_valid():
        return _change(request, mailing, form.changes())
    context = {
        "frame": "dashboard/mailings/part.html" if is_htmx(request) else "dashboard/base.html",
        "form": form,
        "mailing": mailing,
        "rate_hint": _("Empty is as fast as the provider takes them."),
        "end_hint": _("Nothing leaves after it: what still waits then expires."),
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/change.html", context)


def _now(mailing: Mailing) -> dict[str, Any]:
    minute = mailing.ends_at.replace(second=0, microsecond=0)  # which is all that the input shows
    return {"name": mailing.name, "rate_limit": mailing.rate_limit, "ends_at": minute}


def _change(request: OperatorRequest, mailing: Mailing, changes: dict[str, Any]) -> HttpResponse:
    try:
        with transaction.atomic():
            mailing.change(changes, actor=actor(request))
            look_at(mailing.id)
    except StateConflict:
        return refused(request, mailing, "change")
    messages.success(request, _("The changes are saved.") if changes else _("Nothing was changed."))
    return redirect("mailing-page", mailing.id)

"""Sending again to those whom a mailing did not reach."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from vestnik.access.roles import Action
from vestnik.dashboard.mailings.conflicts import refused
from vestnik.dashboard.mailings.forms import LATER, NOW, Moment, beginning
from vestnik.dashboard.mailings.found import mailing_or_404, progress_for
from vestnik.dashboard.mailings.ways import provider_choices
from vestnik.dashboard.once import new_token, once
from vestnik.dashboard.pages import OperatorRequest, actor, page
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.words import MESSAGE_STATES
from vestnik.dispatch.again import OVER, UNREACHED, send_again
from vestnik.dispatch.hints import look_at
from vestnik.mailings.models import Mailing, StateConflict
from vestnik.mailings.rules import check_ahead, check_window, checked_provider, database_now
from vestnik.reports.progress import Progress


class Again(forms.Form):
    """To whom of a mailing's clients, and when."""

    token = forms.UUIDField(required=False, widget=forms.HiddenInput)
    states = forms.MultipleChoiceField(
        label=gettext_lazy("To whom"), widget=forms.CheckboxSelectMultiple
    )
    starts = forms.ChoiceField(
        choices=[(NOW, gettext_lazy("at once")), (LATER, gettext_lazy("at a time"))],
        widget=forms.RadioSelect,
        label=gettext_lazy("Start"),
    )
    starts_at = Moment(required=False, label=gettext_lazy("Starts at"))
    ends_at = Moment(label=pgettext_lazy("window", "End"))
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))

    def __init__(self, *args: Any, mailing: Mailing, progress: Progress, **kwargs: Any) -> None:
        self.mailing, self.progress = mailing, progress
        super().__init__(*args, **kwargs)
        self._choose("states", [(state, MESSAGE_STATES[state]) for state in UNREACHED])
        self._choose("provider", provider_choices(mailing.provider))

    def _choose(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
        field.choices = choices

    def counted(self) -> list[dict[str, Any]]:
        """Each state, with how many clients it is about and whether it is chosen."""
        chosen = self["states"].value() or []
        return [
            {"state": state, "count": self.progress[state], "chosen": state in chosen}
            for state in UNREACHED
        ]

    def total(self) -> int:
        """How many clients the chosen states are about."""
        return sum(line["count"] for line in self.counted() if line["chosen"])

    def clean_states(self) -> list[str]:
        states: list[str] = self.cleaned_data["states"]
        if not any(self.progress[state] for state in states):
            raise ValidationError(_("Nobody is in these states: choose others."))
        return states

    def clean_provider(self) -> str:
        return checked_provider(self.cleaned_data["provider"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.errors.pop("token", None)  # a page that was not opened here has a new one
        if cleaned.get("starts") == NOW:
            self.errors.pop("starts_at", None)  # what stands there is not asked
            cleaned["starts_at"] = database_now()
        elif not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Choose when it starts."))
        if cleaned.get("starts_at") and cleaned.get("ends_at"):
            self._check_window(cleaned)
        return cleaned

    def _check_window(self, cleaned: Mapping[str, Any]) -> None:
        try:
            check_window(cleaned["starts_at"], cleaned["ends_at"])
            check_ahead(cleaned["ends_at"])
        except ValidationError as error:
            self.add_error(None, error)


@page(Action.SEND)
def again(request: OperatorRequest, id: int) -> HttpResponse:
    """A new mailing to the clients whose message of this one is in states that are chosen."""
    mailing = mailing_or_404(id)
    if mailing.state not in OVER:
        return refused(request, mailing, "send again")
    progress = progress_for(mailing)
    form = Again(
        request.POST or None,
        initial=_initial(mailing, progress),
        mailing=mailing,
        progress=progress,
    )
    if form.is_valid():
        return _send(request, mailing, form.cleaned_data)
    context = {"form": form, "mailing": mailing, "section": "mailing-list"}
    context["anybody"] = any(progress[state] for state in UNREACHED)
    context["may_be_twice"] = bool(progress["unknown"])
    return render(request, "dashboard/mailings/again.html", context)


def _initial(mailing: Mailing, progress: Progress) -> dict[str, Any]:
    """All whom it did not reach, but for those who may have got it."""
    states = [state for state in UNREACHED if progress[state] and state != "unknown"]
    return {**beginning(), "states": states, "provider": mailing.provider}


def _send(request: OperatorRequest, other: Mailing, wanted: Mapping[str, Any]) -> HttpResponse:
    fields = {name: wanted[name] for name in ("starts_at", "ends_at", "provider")}

    def make() -> int:
        return send_again(other, wanted["states"], actor=actor(request), **fields).id

    try:
        id, is_new = once(wanted.get("token") or uuid.UUID(new_token()), make)
    except StateConflict:
        return refused(request, other, "send again")
    if is_new:
        look_at(id)
    count = sum(progress_for(other)[state] for state in wanted["states"])
    said = ngettext(
        "A new mailing goes to %(count)s client of № %(other)s.",
        "A new mailing goes to %(count)s clients of № %(other)s.",
        count,
    )
    messages.success(request, said % {"count": number(count), "other": other.id})
    return redirect("mailing-page", id)

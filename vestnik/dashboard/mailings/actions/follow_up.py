"""A follow-up: sends again to the clients whom a mailing did not reach."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action
from vestnik.dashboard.mailings.edit.confirmation import AGREED, Confirmation
from vestnik.dashboard.mailings.edit.window import ALREADY_CREATED, NOW, WindowForm, default_window
from vestnik.dashboard.mailings.lookups import mailing_or_404, progress_for
from vestnik.dashboard.mailings.state_errors import redirect_refused
from vestnik.dashboard.templatetags.vestnik import money, number
from vestnik.dashboard.web.autosave import TRANSIENT_FIELDS, field_pairs
from vestnik.dashboard.web.decorators import OperatorRequest, actor, is_htmx, page
from vestnik.dashboard.web.form_idempotency import TokenAlreadyUsed, canonical_content, create_once
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.wording.state_labels import MESSAGE_STATES
from vestnik.dashboard.wording.zones import current_name
from vestnik.dispatch.prepare.follow_up import (
    BY_DEFAULT,
    COPIED_FIELDS,
    ENDED_STATES,
    UNREACHED,
    FollowedUp,
    create_follow_up,
    later_follow_ups,
)
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.read.progress import Progress, reached
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import Mailing, StateConflict
from vestnik.mailings.rules import validate_text
from vestnik.mailings.text import least_segments_of, parse
from vestnik.mailings.text_warnings import text_warnings
from vestnik.mailings.window import database_now
from vestnik.reports.mailing.preview import preview_of_text

#: The field of the confirmation with the later follow-ups that it showed.
FOLLOWED = "followed"


class FollowUpForm(WindowForm):
    """The states whose clients get the follow-up, its text and its window."""

    states = forms.MultipleChoiceField(
        label=gettext_lazy("To whom"), widget=forms.CheckboxSelectMultiple
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, mailing: Mailing, progress: Progress, **kwargs: Any) -> None:
        self.mailing, self.progress = mailing, progress
        self.asks_to_confirm = False
        super().__init__(*args, provider=mailing.provider, **kwargs)
        self.choose("states", [(state, MESSAGE_STATES[state]) for state in UNREACHED])

    def counted(self) -> list[dict[str, Any]]:
        """Return each state with its number of clients, and whether it is chosen."""
        chosen = self["states"].value() or []
        return [
            {"state": state, "count": self.progress[state], "chosen": state in chosen}
            for state in UNREACHED
        ]

    def total(self) -> int:
        """Return the number of clients in the chosen states."""
        return sum(line["count"] for line in self.counted() if line["chosen"])

    def clean_text(self) -> str:
        """Validate the text, which is required.

        The text of the first mailing is no default, since it may be what is to be corrected.
        """
        text = validate_text(self.cleaned_data["text"])
        if text != self.mailing.text and "confirm_text" not in self.data:
            self.asks_to_confirm = bool(suspicious := text_warnings(text))
            if suspicious:
                raise ValidationError([str(warning) for warning in suspicious])
        return text

    def preview(self) -> dict[str, Any] | None:
        """Return whom it would reach and its cost; None if states or text are invalid, or none is
        chosen."""
        values = self.cleaned_data if self.is_bound else self.initial
        states, text = values.get("states"), values.get("text")
        if (self.is_bound and {"states", "text"} & set(self.errors)) or not (states and text):
            return None
        again = {"mailing": self.mailing.id, "states": list(states)}
        provider = values.get("provider") or self.mailing.provider
        previewed = preview_of_text(text, provider, select_recipients({"again": again}))
        price, deleted = previewed["price"], max(0, self.total() - previewed["matched"])
        return {**previewed, "price": "" if price is None else money(price), "deleted": deleted}

    def clean_states(self) -> list[str]:
        states: list[str] = self.cleaned_data["states"]
        if not any(self.progress[state] for state in states):
            raise ValidationError(_("No clients are in these states: choose others."))
        return states


@page(Action.SEND, keeps=True)
def follow_up(request: OperatorRequest, id: int) -> HttpResponse:
    """Create a mailing to the clients whose messages are in the chosen states."""
    mailing = mailing_or_404(id)
    if mailing.is_test or mailing.state not in ENDED_STATES:
        action = "test send again" if mailing.is_test else "send again"
        return redirect_refused(request, mailing, action)
    progress = progress_for(mailing)
    form = FollowUpForm(
        submitted_or_restored(request),
        initial=_initial(mailing, progress),
        mailing=mailing,
        progress=progress,
    )
    clear_restored_errors(request, form)
    is_right = request.method == "POST" and form.is_valid()
    wants_look = request.POST.get("do") in ("look", "back")
    if is_right and not wants_look and (response := _confirm_or_send(request, mailing, form)):
        return response
    context = {"form": form, "mailing": mailing, "section": "mailing-list"}
    context |= {"preview": form.preview(), "followed": later_follow_ups(mailing)}
    if is_htmx(request):
        return render(request, "dashboard/mailings/follow_up_preview.html", context)
    context["zone_label"] = current_name()
    return render(request, "dashboard/mailings/follow_up.html", context | _notes(progress))


def _notes(progress: Progress) -> dict[str, bool]:
    """Return the notes of the page about the other mailing's messages."""
    matched = progress["matched"]
    return {
        "anybody": any(progress[state] for state in UNREACHED),
        "may_be_twice": bool(progress["unknown"]),
        "are_cancelled": bool(progress["cancelled"]),
        "sent_nothing": not matched,
        "is_everyone_reached": bool(matched) and reached(progress) == matched,
    }


def _initial(mailing: Mailing, progress: Progress) -> dict[str, Any]:
    """Return the initial values.

    The states are the API's default without `unknown`: those clients may have got the message, so
    the operator has to choose them.
    """
    states = [state for state in BY_DEFAULT if progress[state] and state != "unknown"]
    return {
        **default_window(),
        "states": states,
        "provider": mailing.provider,
        "text": mailing.text,
    }


def _confirm_or_send(
    request: OperatorRequest, other: Mailing, form: FollowUpForm
) -> HttpResponse | None:
    confirmation, followed = _confirmation_of(other, form), later_follow_ups(other)
    is_shown = request.POST.get(FOLLOWED, "") == " ".join(map(str, followed))
    is_confirmed = is_shown and confirmation.is_confirmed(request.POST)
    if form.created_id() is None and not is_confirmed:
        return _show_confirmation(request, other, confirmation)
    try:
        return _send(request, other, form, confirmation.counted["messages"], followed)
    except FollowedUp:
        return _show_confirmation(request, other, confirmation)


def _confirmation_of(other: Mailing, form: FollowUpForm) -> Confirmation:
    """Return the confirmation of the mailing that this form would create."""
    data = form.cleaned_data
    fields = {name: data[name] for name in ("starts_at", "ends_at", "provider", "text")}
    same = {name: getattr(other, name) for name in COPIED_FIELDS}
    again = {"mailing": other.id, "states": list(data["states"])}
    segments = least_segments_of(parse(data["text"]))
    new = Mailing(**{**same, **fields, "filter": {"again": again}, "segments": segments})
    at_once = data["starts"] == NOW or new.starts_at <= database_now()
    return Confirmation.of(new, starts_at_once=at_once)


def _show_confirmation(
    request: OperatorRequest, other: Mailing, confirmation: Confirmation
) -> HttpResponse:
    context = {
        "confirmation": confirmation,
        "mailing": other,
        "action": "send",
        "fields": [pair for pair in field_pairs(request.POST) if pair[0] not in TRANSIENT_FIELDS],
        "is_anew": AGREED in request.POST,
        "followed": later_follow_ups(other),
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/confirmation_page.html", context)


def _send(
    request: OperatorRequest,
    other: Mailing,
    form: FollowUpForm,
    count: int,
    followed: Sequence[int],
) -> HttpResponse | None:
    """Create the mailing; return None if the form has to be shown again.

    Raises FollowedUp if the later follow-ups are no longer those that the confirmation showed.
    """
    data = form.cleaned_data
    fields = {name: data[name] for name in ("starts_at", "ends_at", "provider", "text")}

    def make() -> int:
        by = actor(request)
        return create_follow_up(other, data["states"], actor=by, known=followed, **fields).id

    try:
        content = request.POST.copy()
        # The proof of the confirmation is no content: with it the token would look reused.
        for shown in (AGREED, FOLLOWED):
            content.pop(shown, None)
        id, is_new = create_once(form.submitted_token, make, canonical_content(content))
    except StateConflict:
        return redirect_refused(request, other, "send again")
    except TokenAlreadyUsed as used:
        form.require_resubmission(ALREADY_CREATED % {"made": used.created_id})
        return None
    if is_new:
        wake_for(id)
    text = ngettext(
        "A new mailing goes to %(count)s client of № %(other)s.",
        "A new mailing goes to %(count)s clients of № %(other)s.",
        count,
    )
    messages.success(request, text % {"count": number(count), "other": other.id})
    return redirect("mailing-page", id)

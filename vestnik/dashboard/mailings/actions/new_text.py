"""A new text for queued messages: entered, previewed with its counts, confirmed."""

import hashlib
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action
from vestnik.dashboard.mailings.edit.segment_counter import count_segments
from vestnik.dashboard.mailings.lookups import mailing_or_404
from vestnik.dashboard.mailings.state_errors import redirect_refused
from vestnik.dashboard.templatetags.vestnik import money, number
from vestnik.dashboard.web.decorators import OperatorRequest, actor, page
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.wording.bidi import isolate
from vestnik.dispatch.prepare import new_text as texts
from vestnik.dispatch.prepare.new_text import TextChangeImpact, impact_of
from vestnik.dispatch.read.backlog import waiting_clients
from vestnik.mailings.models import UNDER_WAY, Mailing, MailingState, StateConflict
from vestnik.mailings.rules import changeable, validate_text
from vestnik.mailings.text import normalise
from vestnik.reports.mailing.preview import preview_of_text


class NewTextForm(forms.Form):
    """The text, the version that the page showed, and the counts that were confirmed."""

    text = forms.CharField(
        strip=False,
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write a text: an empty message is never sent.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)
    agreed = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, mailing: Mailing) -> None:
        self.mailing = mailing
        #: Whether another user has changed the text since the page was opened.
        self.is_outdated = False
        initial = {"text": mailing.text, "version": mailing.text_version}
        super().__init__(data, initial=initial)

    def clean_text(self) -> str:
        text = validate_text(self.cleaned_data["text"])
        if text == self.mailing.text:
            raise ValidationError(_("The text is unchanged: change it, or go back."))
        return text

    def clean_version(self) -> int:
        version: int = self.cleaned_data["version"]
        if version != self.mailing.text_version:
            self.is_outdated = True
            raise ValidationError(self._conflict_text())
        return version

    def is_repeated(self) -> bool:
        """Return whether the page was submitted twice: the mailing has this text already."""
        if self.data.get("do") != "give":
            return False
        version = self.data.get("version", "")
        return (
            version.isdecimal()
            and version != str(self.mailing.text_version)
            and normalise(self.data.get("text", "")) == self.mailing.text
        )

    def note_conflict(self) -> None:
        """Note that another user changed the text while this one was being saved."""
        self.is_outdated = True
        self.add_error("version", self._conflict_text())

    def renew_version(self) -> None:
        """Let the next submission replace the text of the other user, which is shown now."""
        data = cast(QueryDict, self.data).copy()
        data["version"] = str(self.mailing.text_version)
        self.data = data

    def _conflict_text(self) -> str:
        return _(
            "Another user has changed the text. Now it is: “%(text)s”. To replace it, check your "
            "text again."
        ) % {"text": isolate(self.mailing.text)}


@page(Action.SEND, keeps=True)
def new_text(request: OperatorRequest, id: int) -> HttpResponse:
    """Show the text; a POST previews a new one, or applies it after the confirmation."""
    mailing = mailing_or_404(id)
    form = NewTextForm(submitted_or_restored(request), mailing=mailing)
    if request.method == "POST" and form.is_repeated():
        return _redirect_applied(request, mailing, impact_of(mailing))
    if mailing.state not in UNDER_WAY or "text" not in changeable(mailing):
        return redirect_refused(request, mailing, "new text")
    clear_restored_errors(request, form)
    reach = impact_of(mailing)
    context: dict[str, Any] = {
        "form": form,
        "reach": reach,
        "segment_count": _segments_fragment(form),
    }
    if request.method == "POST" and form.is_valid():
        agreed = request.POST.get("do") == "give" and form.cleaned_data["agreed"]
        if agreed != _counted(reach, form):
            context |= _preview(form, reach) | {"has_changed": bool(agreed)}
        elif answer := _apply(request, form, reach):
            return answer
    if request.method == "POST" and form.is_outdated:
        form.renew_version()
    context |= {"mailing": mailing, "section": "mailing-list"}
    return render(request, "dashboard/mailings/new_text.html", context)


def _segments_fragment(form: NewTextForm) -> Any:
    return count_segments(form["text"].value() or "")


def _counted(reach: TextChangeImpact, form: NewTextForm) -> str:
    """Return what is confirmed: this text and these counts. Any other one is asked again."""
    text = hashlib.sha256(form.cleaned_data["text"].encode()).hexdigest()[:12]
    return f"{reach.handed_over} {reach.waiting} {text}"


def _preview(form: NewTextForm, reach: TextChangeImpact) -> dict[str, Any]:
    mailing = form.mailing
    text = form.cleaned_data["text"]
    previewed = preview_of_text(text, mailing.provider, waiting_clients(mailing.id))
    price = previewed["price"]
    return {
        "looked": previewed,
        "price": "" if price is None else money(price),
        "counted": _counted(reach, form),
    }


def _apply(
    request: OperatorRequest, form: NewTextForm, reach: TextChangeImpact
) -> HttpResponse | None:
    """Change the text; return None if another user has changed it in the meantime."""
    mailing = form.mailing
    try:
        texts.change(mailing, {"text": form.cleaned_data["text"]}, actor=actor(request))
    except StateConflict:
        if "text" not in changeable(mailing):
            return redirect_refused(request, mailing, "new text")
        form.note_conflict()
        return None
    return _redirect_applied(request, mailing, reach)


def _redirect_applied(
    request: OperatorRequest, mailing: Mailing, reach: TextChangeImpact
) -> HttpResponse:
    text = ngettext(
        "The new text is for %(count)s message that waits. Resume the mailing to send it.",
        "The new text is for %(count)s messages that wait. Resume the mailing to send them.",
        reach.waiting,
    ) % {"count": number(reach.waiting)}
    is_paused = mailing.state == MailingState.PAUSED
    messages.success(request, text if is_paused else _("The changes are saved."))
    return redirect("mailing-page", mailing.id)

"""Changes a mailing that is under way: its name, its rate and its end."""

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
from vestnik.dashboard.mailings.edit.edit_conflicts import conflict_texts
from vestnik.dashboard.mailings.edit.forms import RATES, clean_rate, rate_of
from vestnik.dashboard.mailings.lookups import mailing_or_404
from vestnik.dashboard.mailings.state_errors import redirect_refused, state_error
from vestnik.dashboard.web import dirty_fields
from vestnik.dashboard.web.decorators import OperatorRequest, actor, is_htmx, page
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.wording.moments import Moment, WholeNumber
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import UNDER_WAY, Mailing, StateConflict
from vestnik.mailings.rules import CHANGEABLE, CHANGEABLE_UNDER_WAY, MOST_RATE, changeable
from vestnik.mailings.window import check_ahead, check_window
from vestnik.one_line import unless_untouched


class ChangeForm(forms.Form):
    """The fields of a mailing that may change while it is under way."""

    name = forms.CharField(required=False, max_length=200, strip=False, label=gettext_lazy("Name"))
    rate = forms.ChoiceField(choices=RATES, widget=forms.RadioSelect, label=gettext_lazy("Rate"))
    rate_limit = WholeNumber(
        required=False,
        min_value=1,
        max_value=MOST_RATE,
        label=gettext_lazy("Messages a second, at most"),
    )
    ends_at = Moment(label=pgettext_lazy("window", "End"))

    def __init__(self, data: Any = None, *, mailing: Mailing) -> None:
        self.mailing = mailing
        now = self.now()
        #: The marks of the values that the page showed when it was opened.
        self.marks = (data or {}).get(dirty_fields.FIELD) or dirty_fields.marks_of(now)
        super().__init__(data, initial={**now, "rate": rate_of(mailing)})

    def now(self) -> dict[str, Any]:
        """Return the current values of the fields."""
        return {name: getattr(self.mailing, name) for name in CHANGEABLE_UNDER_WAY}

    def clean_name(self) -> str:
        return unless_untouched(self.cleaned_data["name"], self.mailing.name)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        clean_rate(self, cleaned)
        if ends_at := self.changes().get("ends_at"):
            self._check_end(ends_at)
        return cleaned

    def _check_end(self, ends_at: Any) -> None:
        try:
            check_window(self.mailing.starts_at, ends_at)
            check_ahead(ends_at, under_way=True)
        except ValidationError as error:
            self.add_error(None, error)

    def changes(self) -> dict[str, Any]:
        """Return the fields that were changed on the page; an untouched time keeps its seconds."""
        return dirty_fields.changed_fields(self._written(), self.marks)

    def report_conflicts(self) -> bool:
        """Attach to each field what another user made of it; return whether there is a conflict."""
        names = dirty_fields.conflicts(self._written(), self.marks, self.now())
        for name in names:
            self.add_error(name, conflict_texts(self.mailing, name))
        self.marks = dirty_fields.refresh_marks(self.marks, self.now(), names)
        return bool(names)

    def _written(self) -> dict[str, Any]:
        return {n: v for n, v in self.cleaned_data.items() if n in CHANGEABLE_UNDER_WAY}


@page(Action.SEND, keeps=True)
def change_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """Change a mailing under way; before its start, redirect to the editor."""
    mailing = mailing_or_404(id)
    if changeable(mailing) == CHANGEABLE:
        return redirect("edit-mailing", id)
    if mailing.state not in UNDER_WAY:
        return redirect_refused(request, mailing, "change")
    form = ChangeForm(submitted_or_restored(request), mailing=mailing)
    clear_restored_errors(request, form)
    if request.method == "POST" and form.is_valid() and (changed := _changed(request, form)):
        return changed
    context = {
        "frame": "dashboard/mailings/fragment.html" if is_htmx(request) else "dashboard/base.html",
        "form": form,
        "mailing": mailing,
        "end_hint": _("Nothing is sent after this time: messages that still wait then expire."),
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/change.html", context)


def _changed(request: OperatorRequest, form: ChangeForm) -> HttpResponse | None:
    """Save the changes; return None if the form is to be shown again with its problems."""
    mailing = form.mailing
    try:
        with transaction.atomic():
            # Locked before the comparison: what the form is compared with must be what is
            # overwritten.
            Mailing.objects.select_for_update(no_key=True).get(id=mailing.id)
            mailing.refresh_from_db()
            if mailing.state not in UNDER_WAY:
                raise StateConflict(mailing, "change")
            if form.report_conflicts():
                return None
            changes = form.changes()
            mailing.change(changes, actor=actor(request))
            wake_for(mailing.id)
    except ValidationError as error:
        form.add_error(None, error)
        return None
    except StateConflict:
        if mailing.state not in UNDER_WAY:
            return redirect_refused(request, mailing, "change")
        form.add_error(None, state_error(mailing, "change"))
        return None
    messages.success(request, _("The changes are saved.") if changes else _("Nothing was changed."))
    return redirect("mailing-page", mailing.id)

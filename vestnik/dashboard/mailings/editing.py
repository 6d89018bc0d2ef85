"""Making a mailing, and changing one that has not started: one page."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.access.roles import Action
from vestnik.audience.models import SavedAudience
from vestnik.dashboard import shown
from vestnik.dashboard.audience_form import AudienceForm
from vestnik.dashboard.mailings import forms
from vestnik.dashboard.mailings.conflicts import refusal
from vestnik.dashboard.mailings.forms import MailingForm
from vestnik.dashboard.mailings.letters import letters_of
from vestnik.dashboard.mailings.orders import STARTED
from vestnik.dashboard.mailings.previewing import Preview, previewed
from vestnik.dashboard.mailings.trying import Trying
from vestnik.dashboard.mailings.window import MADE_ALREADY, NOW, beginning
from vestnik.dashboard.once import UsedAlready, content_of, once
from vestnik.dashboard.pages import OperatorRequest, actor, is_htmx, page
from vestnik.dashboard.templatetags.vestnik import instant
from vestnik.dashboard.words import MAILING_STATES
from vestnik.dashboard.zones import here
from vestnik.dispatch.hints import look_at
from vestnik.mailings.models import (
    BEFORE_THE_START,
    SCHEDULE,
    Mailing,
    MailingState,
    StateConflict,
)
from vestnik.mailings.rules import check_window

SAVINGS = ("draft", "schedule", "save")
#: What of a client itself a text may name; the code and the zone are seldom wanted.
INSERTED_FIELDS = (("tag", gettext_lazy("tag")), ("phone_number", gettext_lazy("phone number")))
MOST_INSERTED = 12


@dataclass
class Sheet:
    """The page as it is shown: what is written on it, and what is said about that."""

    form: MailingForm
    audience: AudienceForm
    mailing: Mailing | None = None
    preview: Preview | None = None
    trying: Trying | None = None
    is_wrong: bool = False
    #: The marks of what the page showed when it was opened.
    marks: str = ""

    @property
    def is_draft(self) -> bool:
        return self.mailing is None or self.mailing.state == MailingState.DRAFT

    @property
    def is_too_late(self) -> bool:
        """Whether nothing of the mailing may change any more."""
        return self.mailing is not None and self.mailing.state not in BEFORE_THE_START

    def changes(self) -> dict[str, Any]:
        """What of the mailing was changed on the page; once it is valid."""
        fields = self.form.mailing_fields()
        found = shown.changed({**fields, "filter": self.audience.said}, self.marks)
        if "filter" in found:
            found["filter"] = self.audience.audience
        if self.form.cleaned_data["starts"] == NOW:
            found["starts_at"] = fields["starts_at"]
        return found

    def is_as(self, mailing: Mailing) -> bool:
        """Whether the mailing is what is written here: then it was sent twice."""
        now = replace(self, marks=_marks_of(mailing)).changes()
        return set(now) <= ({"starts_at"} if self.form.cleaned_data["starts"] == NOW else set())

    def _attributes(self) -> list[tuple[str, str]]:
        """Those that may be inserted: a text cannot name one with a brace in it."""
        names = self.audience.suggestions.names
        return [(name, name) for name in names if not set(name) & set('{}|"')][:MOST_INSERTED]

    def show(self, request: OperatorRequest) -> HttpResponse:
        text = self.form["text"].value() or ""
        context = {
            "sheet": self,
            "form": self.form,
            "audience": self.audience,
            "mailing": self.mailing,
            "is_wrong": self.is_wrong,
            "hours": [self.form["hours_from"], self.form["hours_until"]],
            "preview": self.preview,
            "trying": self.trying or Trying(),
            "letters": letters_of(text),
            "names": [*self._attributes(), *INSERTED_FIELDS],
            "zone_label": here(),
            "section": "mailing-list",
        }
        return render(request, "dashboard/mailings/edit.html", context)


@page(Action.SEND)
def new_mailing(request: OperatorRequest) -> HttpResponse:
    """A new mailing: empty, a copy of another (`?copy=`), or to an audience (`?audience=`)."""
    if request.method == "POST":
        return _answer(request, None)
    copy = _named(request, "copy", Mailing)
    saved = _named(request, "audience", SavedAudience)
    audience = (copy.filter if copy else {}) if saved is None else saved.filter
    initial = forms.copied(copy) if copy else beginning()
    return Sheet(MailingForm(initial=initial), AudienceForm.showing(audience)).show(request)


@page(Action.SEND)
def edit_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """Change a draft or a scheduled mailing."""
    mailing = get_object_or_404(Mailing, id=id)
    if request.method == "POST":
        return _answer(request, mailing)  # also where it is too late: what is written stays
    if mailing.state not in BEFORE_THE_START:
        messages.warning(request, _started(mailing))
        return redirect("mailing-page", mailing.id)
    form, audience = MailingForm(initial=forms.of(mailing), mailing=mailing), mailing.filter
    sheet = Sheet(form, AudienceForm.showing(audience), mailing, marks=_marks_of(mailing))
    return sheet.show(request)


@page(Action.SEND)
def copy_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """To the page of a new mailing that is written as an old one."""
    get_object_or_404(Mailing, id=id)
    return redirect(f"{reverse('new-mailing')}?copy={id}")


def _answer(request: OperatorRequest, mailing: Mailing | None) -> HttpResponse:
    """What the button that was pressed asks for."""
    data = request.POST
    marks = data.get(shown.FIELD) or (_marks_of(mailing) if mailing else "")
    if changed := AudienceForm.changed(data):
        return Sheet(_unchecked(data, mailing), changed, mailing, marks=marks).show(request)
    initial = beginning() if mailing is None else forms.of(mailing)
    form = MailingForm(data, initial=initial, mailing=mailing)
    sheet = Sheet(form, AudienceForm.submitted(data), mailing, marks=marks)
    if "test" in data:
        sheet.trying = Trying.sent(sheet.form, sheet.audience, data, actor(request))
        if is_htmx(request):
            return sheet.show(request)  # of which what was sent is all that is taken
    elif data.get("do") in SAVINGS and (saved := _saved(request, sheet)):
        return saved
    sheet.preview = previewed(sheet.form, sheet.audience)
    return sheet.show(request)


def _marks_of(mailing: Mailing) -> str:
    """The marks of a mailing as its page shows it."""
    fields = {name: getattr(mailing, name) for name in forms.FIELDS}
    return shown.marks_of({**fields, "filter": AudienceForm.showing(mailing.filter).said})


def _unchecked(data: Any, mailing: Mailing | None) -> MailingForm:
    """The form as it was sent, without a word about what is wrong."""
    return MailingForm(initial=data.dict(), mailing=mailing)


def _saved(request: OperatorRequest, sheet: Sheet) -> HttpResponse | None:
    """Save what is written; None where it cannot be, which the form then says."""
    # Both are asked, so that each shows what is wrong with it.
    valid = sheet.form.is_valid(), sheet.audience.is_valid()
    id = _kept(request, sheet) if all(valid) and sheet.form.is_confirmed() else None
    if id is None:
        sheet.is_wrong = True
        if sheet.is_too_late and sheet.mailing:
            sheet.form.add_error(None, _too_late(sheet.mailing))
        return None
    messages.success(request, _said(Mailing.objects.get(id=id)))
    return redirect("mailing-page", id)


def _kept(request: OperatorRequest, sheet: Sheet) -> int | None:
    """The id of the mailing that is saved; None where it cannot be, which the form then says."""
    order = str(request.POST["do"])
    try:
        if sheet.mailing is None:
            return _make(request, sheet, order)
        return _change(sheet.mailing, sheet, order, actor(request))
    except StateConflict as conflict:
        sheet.mailing = conflict.mailing
        if _is_done(sheet, order, conflict.mailing):
            return conflict.mailing.id
        if not sheet.is_too_late:
            sheet.form.add_error(None, refusal(conflict.mailing, conflict.wanted))
    except UsedAlready as used:
        sheet.form.ask_again(MADE_ALREADY % {"made": used.made})
    except ValidationError as error:
        sheet.form.add_error(None, error)
    return None


def _is_done(sheet: Sheet, order: str, mailing: Mailing) -> bool:
    """Whether it was sent twice, and the first time has had its way: the mailing has started."""
    return order != "draft" and mailing.state in STARTED and sheet.is_as(mailing)


def _make(request: OperatorRequest, sheet: Sheet, order: str) -> int:
    fields = {**sheet.form.mailing_fields(), "filter": sheet.audience.audience}
    create: Callable[..., Mailing] = (
        Mailing.objects.draft if order == "draft" else Mailing.objects.schedule
    )

    def make() -> int:
        mailing = create(actor=actor(request), **fields)
        look_at(mailing.id)
        return mailing.id

    id, _is_new = once(sheet.form.used_token, make, content_of(request.POST))
    return id


def _change(mailing: Mailing, sheet: Sheet, order: str, actor: str) -> int:
    changes = sheet.changes()
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(no_key=True).get(id=mailing.id)
        if mailing.state not in BEFORE_THE_START:
            raise StateConflict(mailing, "change")
        window = (changes.get(name, getattr(mailing, name)) for name in ("starts_at", "ends_at"))
        check_window(*window)  # of which another may have changed the other side
        mailing.change(changes, actor=actor)
        if order == "schedule":
            mailing.obey(SCHEDULE, actor=actor)
        look_at(mailing.id)
    return mailing.id


def _started(mailing: Mailing) -> str:
    state = MAILING_STATES[mailing.state]
    return _(
        "This mailing cannot be changed any more: it is %(state)s. Copy it to send another one."
    ) % {"state": state}


def _too_late(mailing: Mailing) -> str:
    state = MAILING_STATES[mailing.state]
    return _(
        "This mailing cannot be changed any more: it is %(state)s. "
        "Nothing of what is written here was saved."
    ) % {"state": state}


def _said(mailing: Mailing) -> str:
    if mailing.state == MailingState.DRAFT:
        return _("The draft is saved: nothing is sent until you schedule it.")
    if mailing.starts_at <= timezone.now():
        return _("The mailing starts at once.")
    return format_html(_("The mailing starts by itself: {}."), instant(mailing.starts_at))


def _named(request: OperatorRequest, parameter: str, model: Any) -> Any:
    """The row that a parameter of the address names; None where the address has none.

    One that is deleted is a 404: without it the mailing would be to everybody.
    """
    id = request.GET.get(parameter)
    if id is None:
        return None
    if not (id.isascii() and id.isdigit() and len(id) < 19):
        raise Http404
    return get_object_or_404(model, id=id)

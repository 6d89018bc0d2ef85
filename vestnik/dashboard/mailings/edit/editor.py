"""The page on which a mailing is written: its fields, and everything that is shown about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.mailings.edit import forms
from vestnik.dashboard.mailings.edit.confirmation import Confirmation
from vestnik.dashboard.mailings.edit.forms import MailingForm
from vestnik.dashboard.mailings.edit.preview import Preview
from vestnik.dashboard.mailings.edit.segment_counter import count_segments
from vestnik.dashboard.mailings.edit.test_send import TestSend
from vestnik.dashboard.mailings.edit.window import NOW
from vestnik.dashboard.models import UnsavedForm
from vestnik.dashboard.web import autosave, dirty_fields
from vestnik.dashboard.web.decorators import OperatorRequest
from vestnik.dashboard.wording.zones import current_name
from vestnik.mailings.models import BEFORE_THE_START, Mailing, MailingState
from vestnik.mailings.text import least_segments_of, parse
from vestnik.mailings.window import database_now

#: The client's fields to insert into a text; code and zone are rarely wanted.
INSERTED_FIELDS = (("tag", gettext_lazy("tag")), ("phone_number", gettext_lazy("phone number")))
#: Buttons that insert a placeholder; others can be typed.
MAX_INSERTED = 12
#: Fields of a scheduled mailing that may change without a confirmation: the messages stay the same.
UNCONFIRMED_FIELDS = frozenset({"name"})


@dataclass
class MailingEditor:
    """The page as it is shown: its fields, and everything that is shown about them."""

    form: MailingForm
    audience: AudienceForm
    mailing: Mailing | None = None
    preview: Preview | None = None
    test_send: TestSend | None = None
    is_wrong: bool = False
    #: The marks of the values that the page showed when it was opened.
    marks: str = ""
    #: The unsaved form from which the page is filled.
    restored: UnsavedForm | None = None
    #: Other unsaved forms of the user on this page.
    unfinished: Sequence[UnsavedForm] = field(default_factory=tuple)
    notice: Any = ""

    @classmethod
    def unvalidated(cls, data: QueryDict, mailing: Mailing | None) -> "MailingEditor":
        """Return the page as it was submitted, without error messages."""
        form = MailingForm(initial=data.dict(), mailing=mailing)
        marks = str(data.get(dirty_fields.FIELD, "")) or (marks_of(mailing) if mailing else "")
        return cls(form, AudienceForm.restored(data), mailing, marks=marks)

    @property
    def is_draft(self) -> bool:
        return self.mailing is None or self.mailing.state == MailingState.DRAFT

    @property
    def is_too_late(self) -> bool:
        """Whether the mailing cannot be changed here any more."""
        return self.mailing is not None and self.mailing.state not in BEFORE_THE_START

    @property
    def starts_now(self) -> bool:
        return bool(self.form.cleaned_data["starts"] == NOW)

    def values(self) -> dict[str, Any]:
        """Return the submitted fields, once they are valid."""
        return {**self.form.mailing_fields(), "filter": self.audience.audience}

    def changes(self) -> dict[str, Any]:
        """Return the fields that were changed on the page, once they are valid."""
        fields = self.form.mailing_fields()
        touched = dirty_fields.changed_fields(self.values(), self.marks)
        if self.starts_now:
            touched["starts_at"] = fields["starts_at"]
        return touched

    def conflicts(self, now: Mailing) -> list[str]:
        """Return the fields that another user has changed as well since the page was opened."""
        return dirty_fields.conflicts(self.values(), self.marks, fields_of(now))

    def preview_mailing(self, basis: Mailing | None) -> Mailing:
        """Return the mailing, unsaved, with the submitted fields."""
        if basis is None:
            fields = {**self.form.mailing_fields(), "filter": self.audience.audience}
        else:
            current = {name: getattr(basis, name) for name in (*forms.FIELDS, "filter")}
            fields = {**current, **self.changes()}
        return Mailing(**fields, segments=least_segments_of(parse(fields["text"])))

    def confirmation(self) -> Confirmation:
        """Return what has to be confirmed before the page is saved."""
        mailing = self.preview_mailing(self.mailing)
        at_once = self.starts_now or mailing.starts_at <= database_now()
        return Confirmation.of(mailing, starts_at_once=at_once)

    def needs_confirmation(self, action: str) -> bool:
        """Return whether saving changes what any client gets."""
        if self.is_too_late:
            return False
        if action == "schedule":
            return True
        return not self.is_draft and not set(self.changes()) <= UNCONFIRMED_FIELDS

    def matches(self, mailing: Mailing) -> bool:
        """Return whether the mailing equals the page, so that it was submitted twice."""
        now = replace(self, marks=marks_of(mailing)).changes()
        return set(now) <= ({"starts_at"} if self.starts_now else set())

    def _attributes(self) -> list[tuple[str, str]]:
        """Return the attributes to insert; a text cannot name one with a brace."""
        names = self.audience.suggestions.names
        return [(name, name) for name in names if not set(name) & set('{}|"')][:MAX_INSERTED]

    def show(self, request: OperatorRequest) -> HttpResponse:
        text = self.form["text"].value() or ""
        context = {
            "editor": self,
            "form": self.form,
            "audience": self.audience,
            "mailing": self.mailing,
            "is_wrong": self.is_wrong,
            "preview": self.preview,
            "test_send": self.test_send or TestSend(),
            "segment_count": count_segments(text),
            "names": [*self._attributes(), *INSERTED_FIELDS],
            "zone_label": current_name(),
            "unsaved": autosave.PARAMETER,
            "section": "mailing-list",
        }
        return render(request, "dashboard/mailings/edit.html", context)


def fields_of(mailing: Mailing) -> dict[str, Any]:
    """Return the fields of a mailing that its page shows."""
    return {name: getattr(mailing, name) for name in (*forms.FIELDS, "filter")}


def marks_of(mailing: Mailing) -> str:
    """Return the marks of a mailing as its page shows it."""
    return dirty_fields.marks_of(fields_of(mailing))

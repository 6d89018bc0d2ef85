"""The forms that add and change a client."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.access.roles import Action
from vestnik.audience import clients
from vestnik.audience.models import Client
from vestnik.audience.phone import (
    operator_code_of,
    validate_client_number,
    validate_operator_code,
)
from vestnik.audience.phone_parsing import normalised, problem_with
from vestnik.audience.validation import LONGEST_TAG, validate_attributes, validate_timezone
from vestnik.dashboard.audience_builder.suggestions import suggestions
from vestnik.dashboard.clients.attributes import AttributeRows, shown_of
from vestnik.dashboard.clients.detail import client_or_404, value_text
from vestnik.dashboard.web import dirty_fields
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.web.form_idempotency import create_from_page
from vestnik.dashboard.web.kept_forms import submitted_or_restored
from vestnik.dashboard.wording import zones
from vestnik.one_line import unless_untouched

ATTRIBUTE = "attribute."
TAKEN = gettext_lazy("Another client has this number.")


class ClientForm(forms.Form):
    """The fields of a client, without the attributes."""

    phone_number = forms.CharField(max_length=40, label=gettext_lazy("Phone number"))
    operator_code = forms.CharField(
        required=False,
        max_length=3,
        validators=[validate_operator_code],
        label=gettext_lazy("Prefix"),
    )
    tag = forms.CharField(
        required=False, max_length=LONGEST_TAG, strip=False, label=gettext_lazy("Tag")
    )
    timezone = forms.ChoiceField(
        required=False, validators=[validate_timezone], label=gettext_lazy("Time zone")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone: Any = self.fields["timezone"]
        zone.choices = _zones(self.initial.get("timezone", ""))
        self.fields["phone_number"].widget.attrs |= {"inputmode": "tel", "autocomplete": "off"}
        self.fields["operator_code"].widget.attrs |= {"inputmode": "numeric", "list": "codes"}
        self.fields["tag"].widget.attrs |= {"list": "tags"}

    def clean_tag(self) -> str:
        """Trim a tag that was edited; keep the blanks of an unchanged one."""
        return unless_untouched(self.cleaned_data["tag"], self.initial.get("tag") or "")

    def clean_phone_number(self) -> str:
        typed: str = self.cleaned_data["phone_number"]
        number = normalised(typed)
        if number is None:
            raise ValidationError(problem_with(typed, translate=True))
        validate_client_number(number)
        return number

    def given(self) -> dict[str, Any]:
        """Return the fields that are filled in; the rest is derived from the number."""
        optional = ("operator_code", "timezone")
        return {k: v for k, v in self.cleaned_data.items() if v or k not in optional}

    def changes(self, marks: str) -> dict[str, Any]:
        """Return the fields that were changed on the page; emptied ones are derived from the
        number."""
        fields = {"operator_code": operator_code_of(self.cleaned_data["phone_number"])}
        derived = clients.placed({**fields, **self.given()})
        changed = {
            name: derived[name] for name in dirty_fields.changed_fields(self.cleaned_data, marks)
        }
        source = {"timezone_source": derived["timezone_source"]} if "timezone" in changed else {}
        return changed | source


@page(Action.SEND, keeps=True)
def client_add(request: OperatorRequest) -> HttpResponse:
    """Add one client."""
    number = request.GET.get("number", "")[:40]
    return _edited(
        request, None, ClientForm(request.POST or None, initial={"phone_number": number})
    )


@page(Action.SEND, keeps=True)
def client_edit(request: OperatorRequest, id: int) -> HttpResponse:
    """Change a client."""
    client = client_or_404(id)
    return _edited(request, client, ClientForm(request.POST or None, initial=_fields(client)))


def _edited(request: OperatorRequest, client: Client | None, form: ClientForm) -> HttpResponse:
    data = submitted_or_restored(request)
    marks = (data and data.get(dirty_fields.FIELD)) or (_marks_of(client) if client else "")
    if data is None:
        rows = AttributeRows.showing(client.attributes if client else {})
        return _shown(request, client, form, rows, marks)
    changed = AttributeRows.changed(data)
    if changed or request.restored:
        as_written = ClientForm(initial={**form.initial, **data.dict()})
        return _shown(request, client, as_written, changed or AttributeRows.written(data), marks)
    rows = AttributeRows.submitted(request.POST)
    if all([form.is_valid(), rows.is_valid()]):
        try:
            client = _saved(request, client, form, rows, marks)
        except EditConflict as conflict:
            marks = conflict.marks
        except clients.NumberTaken:
            form.add_error("phone_number", TAKEN)
        except ValidationError as error:
            rows.problems = error.messages
        else:
            return redirect("client-page", client.id)
    return _shown(request, client, form, rows, marks, status=422)


def _saved(
    request: OperatorRequest,
    client: Client | None,
    form: ClientForm,
    rows: AttributeRows,
    marks: str,
) -> Client:
    if client is None:
        return _added(request, {**form.given(), "attributes": rows.attributes})
    with transaction.atomic():
        now = get_object_or_404(Client.objects.select_for_update(), id=client.id)
        _check_conflicts(now, form, rows, marks)
        clients.change(now, form.changes(marks) | _attributes(now, rows.attributes, marks))
    messages.success(request, _("Saved."))
    return now


def _added(request: OperatorRequest, fields: dict[str, Any]) -> Client:
    """Add a client, once even if the page is submitted twice."""
    id = create_from_page(request.POST, lambda: clients.create(fields).id)
    client = get_object_or_404(Client, id=id)
    messages.success(request, _("The client is added."))
    return client


class EditConflict(Exception):
    """Raised when another user changed the same fields; `marks` is for the next submission."""

    def __init__(self, marks: str) -> None:
        self.marks = marks
        super().__init__()


def _check_conflicts(client: Client, form: ClientForm, rows: AttributeRows, marks: str) -> None:
    """Attach to each conflicting field what another user made of it. Raises EditConflict."""
    submitted = form.cleaned_data | _named(rows.attributes)
    now = _fields(client) | _named(client.attributes)
    known = dirty_fields.parse_marks(marks)
    # An attribute that the page showed and did not submit was removed on the page.
    removed = {name: None for name in known if name.startswith(ATTRIBUTE) and name not in submitted}
    names = dirty_fields.conflicts(submitted | removed, marks, now)
    for name in names:
        if name in form.fields:
            form.add_error(name, dirty_fields.conflict_text("", str(now[name])))
        else:
            label = name.removeprefix(ATTRIBUTE)
            theirs = value_text(now[name])
            rows.problems.append(f"{label}: {dirty_fields.conflict_text('', theirs)}")
    if names:
        raise EditConflict(dirty_fields.refresh_marks(marks, now, names))


def _attributes(client: Client, submitted: dict[str, Any], marks: str) -> dict[str, Any]:
    """Return the attributes with the page's changes; empty if there are none.

    Raises ValidationError if they are too large together with those that another user has added.
    """
    touched = dirty_fields.changed_fields(_named(submitted), marks)
    shown_names = {name for name in dirty_fields.parse_marks(marks) if name.startswith(ATTRIBUTE)}
    gone = shown_names - set(_named(submitted))
    if not touched and not gone:
        return {}
    now = {name: value for name, value in _named(client.attributes).items() if name not in gone}
    merged = {name.removeprefix(ATTRIBUTE): value for name, value in (now | touched).items()}
    validate_attributes(merged)
    return {"attributes": merged}


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    return {f"{ATTRIBUTE}{name}": value for name, value in attributes.items()}


def _marks_of(client: Client) -> str:
    """Return the marks of a client as the page shows it."""
    return dirty_fields.marks_of(_fields(client) | _named(shown_of(client.attributes)))


def _shown(
    request: OperatorRequest,
    client: Client | None,
    form: ClientForm,
    rows: AttributeRows,
    marks: str,
    status: int = 200,
) -> HttpResponse:
    context = {
        "section": "client-list",
        "client": client,
        "form": form,
        "rows": rows,
        "marks": marks,
        "suggestions": suggestions(),
    }
    return render(request, "dashboard/clients/edit.html", context, status=status)


def _fields(client: Client) -> dict[str, Any]:
    return {name: getattr(client, name) for name in ClientForm.base_fields}


def _zones(current: str) -> list[tuple[str, Any]]:
    """Return the choices, and the client's own zone whichever it is."""
    others = zones.choices()[1:]
    known = {name for _group, some in others if not isinstance(some, str) for name, _label in some}
    current_choice = [(current, current)] if current and current not in known else []
    return [("", _("by the number's region")), *current_choice, *others]

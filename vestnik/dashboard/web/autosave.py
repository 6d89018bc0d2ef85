"""Autosave: the unsaved content of a form, stored on the server for its user.

Each opened form has a token (`vestnik.dashboard.web.form_idempotency`). The page submits its
content under that token as it changes, and from then on has it in its URL (`?unsaved=…`). A form
that the browser opens again is filled from here, never by the browser alone.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.http import QueryDict
from django.urls import Resolver404, resolve

from vestnik.access.models import User
from vestnik.dashboard.models import UnsavedForm

PARAMETER = "unsaved"
#: Unsaved input may contain personal data, so it is deleted after this time.
RETENTION = timedelta(days=14)
#: A finished token stays for a while, so that a late autosave of it is recognised.
FINISHED_RETENTION = timedelta(days=1)
#: The number of unsaved forms per user and section.
MAX_PER_USER = 20
#: Bytes of one form as JSON; the largest form is a mailing with its conditions.
MAX_BYTES = 256 * 1024
#: Passwords are neither stored nor carried through a login.
SECRET_FIELDS = ("password", "old_password", "new_password1", "new_password2")
#: Fields that belong to one request, not to the content.
TRANSIENT_FIELDS = (
    *SECRET_FIELDS,
    "csrfmiddlewaretoken",
    "do",
    "counted",
    "agreed",
    "followed",
    "count",
    "test",
    "test_numbers",
    "test_token",
    "start",
    "discard",
    "typed",
)


def is_autosaved(page: str) -> bool:
    """Return whether the page of that path is autosaved: `@page(keeps=True)`."""
    try:
        return bool(getattr(resolve(page).func, "keeps", False))
    except Resolver404:
        return False


def address_of(page: str, token: uuid.UUID | str) -> str:
    """Return the URL that opens the page with its unsaved content."""
    return f"{page}?{PARAMETER}={token}"


def save(user: User, token: uuid.UUID, page: str, fields: Iterable[tuple[str, str]]) -> bool:
    """Store the content; return False if the form was saved or discarded, or is too large."""
    if is_too_large(fields := list(fields)):
        return False
    pairs = _pairs(fields)
    with transaction.atomic():
        unsaved, _is_new = UnsavedForm.objects.select_for_update().get_or_create(
            token=token, defaults={"user": user, "page": page[:200], "fields": pairs}
        )
        # A token belongs to one user and one page; null fields mean that it is finished.
        if unsaved.user_id != user.pk or unsaved.page != page or unsaved.fields is None:
            return False
        unsaved.fields, unsaved.saved_at = pairs, Now()
        unsaved.save(update_fields=["fields", "saved_at"])
        _prune(user, page)
    return True


def is_too_large(fields: Iterable[tuple[str, str]]) -> bool:
    """Return whether the content exceeds MAX_BYTES."""
    return len(json.dumps(_pairs(fields))) > MAX_BYTES


def _pairs(fields: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [
        [name, value.replace("\0", "")] for name, value in fields if name not in TRANSIENT_FIELDS
    ]


def find(user: User, token: str, page: str) -> UnsavedForm | None:
    """Return the unsaved form of this page and token; its fields are None if it is finished."""
    try:
        parsed_token = uuid.UUID(token)
    except ValueError:
        return None
    return UnsavedForm.objects.filter(token=parsed_token, user=user, page=page).first()


def owner_of(fields: Sequence[tuple[str, str]]) -> User | None:
    """Return the user whose page this is; None if nothing of it was autosaved."""
    token = next((value for name, value in fields if name == "token"), "")
    try:
        unsaved = UnsavedForm.objects.select_related("user").filter(token=uuid.UUID(token)).first()
    except ValueError:
        return None
    return None if unsaved is None else unsaved.user


def save_before_login(user: User, page: str, fields: Sequence[tuple[str, str]]) -> str:
    """Store the content before the login; return the URL that opens it.

    It gets a token of its own if the page's token is finished or belongs to another user. So a page
    that was saved, and edited again after Back, is not lost either.
    """
    submitted_token = next((value for name, value in fields if name == "token"), "")
    for token in (submitted_token, str(uuid.uuid4())):
        renewed = [(name, token if name == "token" else value) for name, value in fields]
        try:
            if save(user, uuid.UUID(token), page, renewed):
                return address_of(page, token)
        except ValueError:
            continue
    return page


def data_of(unsaved: UnsavedForm) -> QueryDict:
    """Return the content as a form submits it."""
    data = QueryDict(mutable=True)
    for name, value in unsaved.fields or ():
        data.appendlist(name, value)
    return data


def unfinished(user: User, page: str, most: int = 3) -> Sequence[UnsavedForm]:
    """Return the user's unsaved forms of this page, the newest first."""
    forms = UnsavedForm.objects.filter(user=user, page=page, fields__isnull=False)
    return list(forms.order_by("-saved_at")[:most])


def finish(user: User, token: uuid.UUID, page: str) -> None:
    """Mark the form as saved or discarded, so that a slower autosave is ignored."""
    own = UnsavedForm.objects.filter(token=token, user=user)
    if not own.update(fields=None, saved_at=Now()):
        finished = UnsavedForm(token=token, user=user, page=page[:200], fields=None)
        UnsavedForm.objects.bulk_create([finished], ignore_conflicts=True)
        own.update(fields=None, saved_at=Now())  # a first autosave that ran at the same time


def field_pairs(data: QueryDict) -> list[tuple[str, str]]:
    """Return all submitted fields as pairs."""
    return [(name, str(value)) for name, values in data.lists() for value in values]


def _prune(user: User, page: str) -> None:
    # For all users: those of a user who never returns would stay for ever.
    UnsavedForm.objects.filter(saved_at__lte=Now() - RETENTION).delete()
    own = UnsavedForm.objects.filter(user=user)
    own.filter(fields=None, saved_at__lte=Now() - FINISHED_RETENTION).delete()
    section = f"/{page.split('/')[1]}/"  # small forms of one section displace no mailing
    unsaved = own.filter(fields__isnull=False, page__startswith=section).order_by("-saved_at")
    UnsavedForm.objects.filter(
        token__in=list(unsaved.values_list("token", flat=True)[MAX_PER_USER:])
    ).delete()

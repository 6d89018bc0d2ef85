"""The unsaved content of a form, kept on the server for its user.

Each opened form has a token (`vestnik.dashboard.web.form_idempotency`). The page sends its content
under that token as it changes, and carries it in its address from then on (`?unsaved=…`). A form
that the browser opens again is filled from here, and never by the browser alone.
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
RETENTION = timedelta(days=14)
FINISHED_RETENTION = timedelta(days=1)
#: Of the pages of one section.
MAX_PER_USER = 20
MAX_BYTES = 256 * 1024
#: Passwords are neither kept nor carried through a login.
SECRET_FIELDS = ("password", "old_password", "new_password1", "new_password2")
#: What belongs to one request, and not to what is written.
TRANSIENT_FIELDS = (
    *SECRET_FIELDS,
    "csrfmiddlewaretoken",
    "do",
    "counted",
    "agreed",
    "count",
    "test",
    "test_numbers",
    "test_token",
    "start",
    "discard",
    "typed",
)


def is_autosaved(page: str) -> bool:
    """Whether the page of that path keeps what is written on it: `@page(keeps=True)`."""
    try:
        return bool(getattr(resolve(page).func, "keeps", False))
    except Resolver404:
        return False


def address_of(page: str, token: uuid.UUID | str) -> str:
    """What opens the page as it was written."""
    return f"{page}?{PARAMETER}={token}"


def save(user: User, token: uuid.UUID, page: str, fields: Iterable[tuple[str, str]]) -> bool:
    """Keep what is written; False where the form was saved or discarded, or is too large."""
    if is_too_large(fields := list(fields)):
        return False
    pairs = _pairs(fields)
    with transaction.atomic():
        unsaved, _is_new = UnsavedForm.objects.select_for_update().get_or_create(
            token=token, defaults={"user": user, "page": page[:200], "fields": pairs}
        )
        if unsaved.user_id != user.pk or unsaved.page != page or unsaved.fields is None:
            return False
        unsaved.fields, unsaved.saved_at = pairs, Now()
        unsaved.save(update_fields=["fields", "saved_at"])
        _prune(user, page)
    return True


def is_too_large(fields: Iterable[tuple[str, str]]) -> bool:
    """Whether more is written than is kept."""
    return len(json.dumps(_pairs(fields))) > MAX_BYTES


def _pairs(fields: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [
        [name, value.replace("\0", "")] for name, value in fields if name not in TRANSIENT_FIELDS
    ]


def find(user: User, token: str, page: str) -> UnsavedForm | None:
    """What was kept of this page under the token; its fields are None where it is done."""
    try:
        parsed_token = uuid.UUID(token)
    except ValueError:
        return None
    return UnsavedForm.objects.filter(token=parsed_token, user=user, page=page).first()


def owner_of(fields: Sequence[tuple[str, str]]) -> User | None:
    """The user on whose page this was written; None where nothing of it was kept before."""
    token = next((value for name, value in fields if name == "token"), "")
    try:
        unsaved = UnsavedForm.objects.select_related("user").filter(token=uuid.UUID(token)).first()
    except ValueError:
        return None
    return None if unsaved is None else unsaved.user


def save_before_login(user: User, page: str, fields: Sequence[tuple[str, str]]) -> str:
    """Keep what was written before the login; the address that opens it.

    Under a token of its own where that of the page is done, or is somebody else's: a page that was
    saved, and written anew after Back, is lost no more than any other.
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
    """What was written, as a form sends it."""
    data = QueryDict(mutable=True)
    for name, value in unsaved.fields or ():
        data.appendlist(name, value)
    return data


def unfinished(user: User, page: str, most: int = 3) -> Sequence[UnsavedForm]:
    """What the user has written on this page and left, the newest first."""
    forms = UnsavedForm.objects.filter(user=user, page=page, fields__isnull=False)
    return list(forms.order_by("-saved_at")[:most])


def finish(user: User, token: uuid.UUID, page: str) -> None:
    """It was saved or discarded: what a slower request still brings is not kept."""
    own = UnsavedForm.objects.filter(token=token, user=user)
    if not own.update(fields=None, saved_at=Now()):
        done = UnsavedForm(token=token, user=user, page=page[:200], fields=None)
        UnsavedForm.objects.bulk_create([done], ignore_conflicts=True)
        own.update(fields=None, saved_at=Now())  # a first keeping that was under way just then


def field_pairs(data: QueryDict) -> list[tuple[str, str]]:
    """All that was sent, pair by pair."""
    return [(name, str(value)) for name, values in data.lists() for value in values]


def _prune(user: User, page: str) -> None:
    # Everybody's: whoever never writes again would leave theirs for ever.
    UnsavedForm.objects.filter(saved_at__lte=Now() - RETENTION).delete()
    own = UnsavedForm.objects.filter(user=user)
    own.filter(fields=None, saved_at__lte=Now() - FINISHED_RETENTION).delete()
    section = f"/{page.split('/')[1]}/"  # many small forms of one push out no mailing
    left = own.filter(fields__isnull=False, page__startswith=section).order_by("-saved_at")
    UnsavedForm.objects.filter(
        token__in=list(left.values_list("token", flat=True)[MAX_PER_USER:])
    ).delete()

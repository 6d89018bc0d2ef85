"""Idempotent forms: submitting a form twice, by a second click or a reload, creates one object."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy

from vestnik.dashboard.models import Submission
from vestnik.db.base import connection

#: Extra time of the request's limit, so that the token is released even after a time-out.
SECONDS_TO_FREE = 2.0
#: For this time a repeated submission of a page is recognised.
RETENTION = timedelta(days=2)
#: A statement that begins at the end of a request's time may take so long.
LONGEST_STATEMENT = timedelta(seconds=30)
#: Rows per request, so that no request pays for a backlog.
PRUNED_AT_ONCE = 100


ALREADY_SUBMITTED = gettext_lazy(
    "This page was submitted already, and nothing was done again. To submit it once more, press "
    "again."
)

#: The answers to a page that is submitted again, since its first answer did not arrive.
DELETED_BEFORE = gettext_lazy("It was deleted before: nothing was done again.")
DONE_BEFORE = gettext_lazy(
    "This page was submitted before. Nothing was done again: check the list."
)


class TokenAlreadyUsed(Exception):
    """Raised when the page has created an object with another content."""

    def __init__(self, created_id: int) -> None:
        self.created_id = created_id
        super().__init__(f"The page has made {created_id} already.")


class IdempotentForm(forms.Form):
    """A form that creates an object; it has a hidden token, `initial={"token": new_token()}`."""

    token = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        self.errors.pop("token", None)  # a request without a token gets a new one
        return super().clean() or {}

    @property
    def submitted_token(self) -> uuid.UUID:
        """The token of the page; a new one if it has none."""
        cleaned = getattr(self, "cleaned_data", {})  # missing before validation
        return cleaned.get("token") or uuid.UUID(new_token())

    def created_id(self) -> int | None:
        """Return the id of the object that the page has created, or None."""
        ids = Submission.objects.filter(token=self.submitted_token).values_list("made", flat=True)
        return ids.first()

    def require_resubmission(self, message: str) -> None:
        """Add an error and renew the token, so that the next submission creates an object."""
        data = cast(QueryDict, self.data).copy()
        data[self.add_prefix("token")] = new_token()
        self.data = data
        self.add_error(None, message)


def read_token(sent: Mapping[str, Any], name: str = "token") -> uuid.UUID | None:
    """Return the submitted token; None if there is none."""
    try:
        return uuid.UUID(str(sent.get(name, "")))
    except ValueError:
        return None


def new_token() -> str:
    """Return a token for a page that creates an object."""
    return str(uuid.uuid4())


def create_once(token: uuid.UUID, make: Callable[[], int], content: str = "") -> tuple[int, bool]:
    """Return the id of the page's object, and whether it was created by this call.

    Raises TokenAlreadyUsed if the content differs from the first time.
    """
    mark = _mark_of(content)
    with transaction.atomic():
        # In the same transaction: a concurrent request waits for the primary key, and a failure
        # leaves the token unused.
        submission, is_first = Submission.objects.get_or_create(token=token)
        if not is_first and submission.made is not None:
            if submission.content not in ("", mark):
                raise TokenAlreadyUsed(submission.made)
            return submission.made, False
        submission.made, submission.content = make(), mark
        submission.save(update_fields=["made", "content"])
        _prune()
    return submission.made, True


def create_from_page(data: QueryDict, make: Callable[[], int]) -> int:
    """Return the id of the object that a page creates: the same one if it is submitted again.

    With other content, as after Back, the page creates another object.
    """
    token = read_token(data) or uuid.UUID(new_token())
    try:
        return create_once(token, make, canonical_content(data))[0]
    except TokenAlreadyUsed:
        return make()


def claim_token(data: QueryDict) -> bool:
    """Claim the token of a page for its action; return False if the same was begun before.

    `made` is null until the action is done. Where the process is killed first, the claim expires.
    """
    token = read_token(data)
    if token is None:
        return True
    with transaction.atomic():
        locked = Submission.objects.select_for_update()
        submission, is_first = locked.get_or_create(token=token)
        if not is_first and is_repeated(data):
            return False
        submission.content, submission.made = _mark_of(canonical_content(data)), None
        submission.created_at = Now()
        submission.save(update_fields=["content", "made", "created_at"])
        _prune()
    return True


def is_repeated(data: QueryDict) -> bool:
    """Return whether the action of a page was done before with the same content, or still runs."""
    token = read_token(data)
    if token is None:
        return False
    is_done_or_runs = Q(made__isnull=False) | Q(created_at__gt=Now() - _longest_action())
    same = Submission.objects.filter(is_done_or_runs, token=token)
    return same.filter(content=_mark_of(canonical_content(data))).exists()


def settle_claim(data: QueryDict, *, is_done: bool) -> None:
    """Keep the token of an action that is done; of another one, the same page continues it."""
    token = read_token(data)
    if token is None:
        return
    if is_done:
        connection.extend_deadline(SECONDS_TO_FREE)
        Submission.objects.filter(token=token).update(made=0)
    else:
        release_token(token)


def _longest_action() -> timedelta:
    """Return the time after which no action of a request still runs."""
    return timedelta(seconds=settings.WEB_REQUEST_SECONDS) + LONGEST_STATEMENT


def redirect_deleted(request: HttpRequest, to: str) -> HttpResponse:
    """Answer a deletion whose object is gone: the page was submitted twice, or by two users."""
    messages.info(request, DELETED_BEFORE)
    return redirect(to)


def release_token(token: uuid.UUID) -> None:
    """Allow the page to be submitted again after its action was interrupted."""
    connection.extend_deadline(SECONDS_TO_FREE)
    Submission.objects.filter(token=token).delete()


def canonical_content(sent: QueryDict) -> str:
    """Return all submitted fields in a canonical order."""
    fields = ((name, each) for name, values in sent.lists() for each in values)
    return urlencode(sorted(field for field in fields if field[0] != "csrfmiddlewaretoken"))


def _mark_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _prune() -> None:
    past = Submission.objects.filter(created_at__lte=Now() - RETENTION).order_by("created_at")
    some = past.select_for_update(skip_locked=True)[:PRUNED_AT_ONCE]
    Submission.objects.filter(token__in=[submission.token for submission in some]).delete()

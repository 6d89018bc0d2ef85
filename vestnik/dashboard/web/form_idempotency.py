"""A form that is sent twice, by a second click or a reload, makes one thing."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db import transaction
from django.db.models.functions import Now
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from vestnik.dashboard.models import Submission
from vestnik.db import deadline

SECONDS_TO_FREE = 2.0
RETENTION = timedelta(days=2)
PRUNED_AT_ONCE = 100


ALREADY_SUBMITTED = gettext_lazy(
    "This page was sent already, and nothing more was done now. "
    "To send it once more as it is written here, press again."
)


class TokenAlreadyUsed(Exception):
    """The page has made something of another content: whoever wants both has to say so."""

    def __init__(self, created_id: int) -> None:
        self.created_id = created_id
        super().__init__(f"The page has made {created_id} already.")


class IdempotentForm(forms.Form):
    """A form that makes something: it carries a token, hidden, `initial={"token": new_token()}`."""

    token = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        self.errors.pop("token", None)  # a page that was not opened here has a new one
        return super().clean() or {}

    @property
    def submitted_token(self) -> uuid.UUID:
        """The token that the page was opened with; a new one where it came without."""
        cleaned = getattr(self, "cleaned_data", {})  # a form that was sent empty has none
        return cleaned.get("token") or uuid.UUID(new_token())

    def created_id(self) -> int | None:
        """The id of what the page has made, if it has."""
        made = Submission.objects.filter(token=self.submitted_token).values_list("made", flat=True)
        return made.first()

    def require_resubmission(self, said: str) -> None:
        """Say why nothing was made; sent once more, it is."""
        self.data = self.data.copy()  # type: ignore[attr-defined]  # what was sent is a QueryDict
        self.data[self.add_prefix("token")] = new_token()  # type: ignore[index]  # the copy may be written to
        self.add_error(None, said)


def read_token(sent: Mapping[str, Any], name: str = "token") -> uuid.UUID | None:
    """The token that a page was sent with; None where it came without."""
    try:
        return uuid.UUID(str(sent.get(name, "")))
    except ValueError:
        return None


def new_token() -> str:
    """What a page carries that makes something, hidden, and new each time that it is opened."""
    return str(uuid.uuid4())


def create_once(token: uuid.UUID, make: Callable[[], int], content: str = "") -> tuple[int, bool]:
    """The id of what the page made, and whether it was made just now.

    The token is kept in the transaction that makes it: a second request that comes meanwhile waits
    at the primary key, and what fails leaves the token to be used again. Raises UsedAlready where
    the content is another than the first time.
    """
    mark = hashlib.sha256(content.encode()).hexdigest()
    with transaction.atomic():
        submission, is_first = Submission.objects.get_or_create(token=token)
        if not is_first and submission.made is not None:
            if submission.content not in ("", mark):
                raise TokenAlreadyUsed(submission.made)
            return submission.made, False
        submission.made, submission.content = make(), mark
        submission.save(update_fields=["made", "content"])
        _prune()
    return submission.made, True


def release_token(token: uuid.UUID) -> None:
    """Let the page be sent again: what it has begun was broken off."""
    deadline.extend(SECONDS_TO_FREE)
    Submission.objects.filter(token=token).delete()


def canonical_content(sent: QueryDict) -> str:
    """All that is written on a page, as it was sent."""
    fields = ((name, each) for name, values in sent.lists() for each in values)
    return urlencode(sorted(field for field in fields if field[0] != "csrfmiddlewaretoken"))


def _prune() -> None:
    past = Submission.objects.filter(created_at__lte=Now() - RETENTION).order_by("created_at")
    some = past.select_for_update(skip_locked=True)[:PRUNED_AT_ONCE]
    Submission.objects.filter(token__in=[submission.token for submission in some]).delete()

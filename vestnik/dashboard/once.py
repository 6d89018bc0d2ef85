"""A form that is sent twice, by a second click or a reload, makes one thing."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from vestnik.dashboard.models import Submission

KEPT_FOR = timedelta(days=2)
CLEARED_AT_ONCE = 100


def new_token() -> str:
    """What a page carries that makes something, hidden, and new each time that it is opened."""
    return str(uuid.uuid4())


def once(token: uuid.UUID, make: Callable[[], int]) -> tuple[int, bool]:
    """The id of what the page made, and whether it was made just now.

    The token is kept in the transaction that makes it: a second request that comes meanwhile waits
    at the primary key, and what fails leaves the token to be used again.
    """
    with transaction.atomic():
        submission, is_first = Submission.objects.get_or_create(token=token)
        if not is_first and submission.made is not None:
            return submission.made, False
        submission.made = make()
        submission.save(update_fields=["made"])
        _clear()
    return submission.made, True


def _clear() -> None:
    past = Submission.objects.filter(created_at__lte=Now() - KEPT_FOR).order_by("created_at")
    some = past.select_for_update(skip_locked=True)[:CLEARED_AT_ONCE]
    Submission.objects.filter(token__in=[submission.token for submission in some]).delete()

"""Looks up the mailing of a URL, and its counts."""

from django.shortcuts import get_object_or_404

from vestnik.dispatch.read.progress import Progress, progress_of
from vestnik.mailings.models import Mailing


def mailing_or_404(id: int) -> Mailing:
    """Return the mailing. Raises Http404 if it does not exist."""
    return get_object_or_404(Mailing, id=id)


def progress_for(mailing: Mailing) -> Progress:
    """Return the mailing's counts."""
    return progress_of([mailing.id])[mailing.id]

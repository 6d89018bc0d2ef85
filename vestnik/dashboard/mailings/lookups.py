"""The mailing that an address names, and how far it is."""

from django.shortcuts import get_object_or_404

from vestnik.dispatch.read.progress import Progress, progress_of
from vestnik.mailings.models import Mailing


def mailing_or_404(id: int) -> Mailing:
    """The mailing of that number; raises Http404 where there is none."""
    return get_object_or_404(Mailing, id=id)


def progress_for(mailing: Mailing) -> Progress:
    """The mailing's counts."""
    return progress_of([mailing.id])[mailing.id]

"""The settings of a mailing in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from vestnik.dashboard.mailings.provider_choices import rate
from vestnik.dashboard.templatetags.vestnik import money
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dispatch.read.progress import Progress
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import ENDED, Mailing
from vestnik.mailings.price import price_of
from vestnik.mailings.text import is_personalised
from vestnik.reports.mailing.outlook import rate_of


@dataclass(frozen=True)
class EarlierText:
    """A text that messages got before it was changed."""

    version: int
    text: str
    until: datetime


@dataclass(frozen=True)
class Summary:
    """The content of the settings card."""

    mailing: Mailing
    audience: list[str]
    rate: str
    own_texts: bool
    price: str
    earlier_texts: Sequence[EarlierText] = ()

    @property
    def hours(self) -> Mapping[str, Any] | None:
        """The client's hours, `since` and `until`; None means at any hour."""
        hours = self.mailing.local_hours
        return None if hours is None else {"since": hours["from"], "until": hours["until"]}


def summary_of(mailing: Mailing, progress: Progress) -> Summary:
    """Return the settings of a mailing, and its price if every client gets the same text."""
    allowed = rate_of(mailing)
    own_texts = is_personalised(mailing.text)
    segments = mailing.segments * _billed(mailing, progress)
    return Summary(
        mailing=mailing,
        audience=(
            [_("the numbers that were given")] if mailing.is_test else describe(mailing.filter)
        ),
        rate="" if allowed is None else rate(allowed),
        own_texts=own_texts,
        price="" if own_texts or mailing.text_version > 1 else price_in_words(mailing, segments),
        earlier_texts=_earlier_texts(mailing),
    )


def _earlier_texts(mailing: Mailing) -> list[EarlierText]:
    """Return earlier texts, the latest first; without a query if there are none."""
    texts = list(mailing.texts.all()) if mailing.text_version > 1 else []
    return [
        EarlierText(text.version, text.text, following.since) for text, following in pairwise(texts)
    ][::-1]


def _billed(mailing: Mailing, progress: Progress) -> int:
    """Return the number of billed messages: those that left; before the end, all that may leave."""
    if mailing.state in ENDED:
        return sum(progress[state] for state in LEFT_US)
    return progress["matched"] - progress["suppressed"]


def price_in_words(mailing: Mailing, segments: int) -> str:
    """Return the price; empty if it is unknown, or if nothing was sent."""
    price = price_of(mailing.provider, segments) if segments else None
    return "" if price is None else money(price)

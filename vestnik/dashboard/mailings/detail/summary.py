"""How a mailing is set up, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from vestnik.dashboard.mailings.provider_choices import money, rate
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dispatch.read.progress import Progress
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import ENDED, Mailing
from vestnik.mailings.price import price_of
from vestnik.mailings.template import is_personalised
from vestnik.reports.mailing.outlook import rate_of


@dataclass(frozen=True)
class EarlierText:
    """A text that messages got before it was changed."""

    version: int
    text: str
    until: datetime


@dataclass(frozen=True)
class Summary:
    """What stands in the card of settings."""

    mailing: Mailing
    audience: list[str]
    rate: str
    own_texts: bool
    price: str
    earlier_texts: Sequence[EarlierText] = ()

    @property
    def hours(self) -> Mapping[str, Any] | None:
        """The hours of the client's day, `since` and `until`; None is at any hour."""
        kept = self.mailing.local_hours
        return None if kept is None else {"since": kept["from"], "until": kept["until"]}


def summary_of(mailing: Mailing, progress: Progress) -> Summary:
    """The settings of a mailing, and what it costs where every client gets the same text."""
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
    """The latest first; none are looked for where the text was never changed after the start."""
    texts = list(mailing.texts.all()) if mailing.text_version > 1 else []
    return [
        EarlierText(text.version, text.text, following.since) for text, following in pairwise(texts)
    ][::-1]


def _billed(mailing: Mailing, progress: Progress) -> int:
    """Those that left; as long as it is not over, all that may."""
    if mailing.state in ENDED:
        return sum(progress[state] for state in LEFT_US)
    return progress["matched"] - progress["suppressed"]


def price_in_words(mailing: Mailing, segments: int) -> str:
    """Empty where nothing is known, or nothing was sent."""
    price = price_of(mailing.provider, segments) if segments else None
    return "" if price is None else money(price)

"""What is about to be sent, as it is shown before anything leaves, and the proof of what was shown.

confirmation = Confirmation.of(mailing, starts_at_once=True)    # the mailing may be unsaved
<input type="hidden" name="agreed" value="{{ confirmation.agreement.signed }}">
confirmation.is_confirmed(request.POST)                           # of the count within a bound
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

from django.core import signing
from django.utils.functional import Promise

from vestnik.dashboard.audience_builder.condition_hints import Hint, condition_hints
from vestnik.dashboard.mailings.edit.preview import REASONS
from vestnik.dashboard.mailings.edit.signed_previews import SALT, is_near, mark_of
from vestnik.dashboard.mailings.provider_choices import money
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dashboard.wording.zones import RUSSIAN, here
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import database_now
from vestnik.providers.registry import aliases
from vestnik.reports.mailing.local_times import LocalTime, local_times
from vestnik.reports.mailing.preview import preview

AGREED = "agreed"
MOST_ZONES = 6
CONTENT = ("name", "text", "ends_at", "local_hours", "provider", "rate_limit", "filter")


@dataclass(frozen=True)
class SignedConfirmation:
    """What was shown: the content by its mark, and the numbers."""

    content: str
    messages: int
    kopecks: int
    at_night: int
    starts_at_once: bool

    @property
    def signed(self) -> str:
        """What a page carries of it."""
        return signing.dumps(astuple(self), salt=SALT)

    def __str__(self) -> str:
        return self.signed

    def covers(self, shown: str) -> bool:
        """Whether a page that carries that has shown this."""
        was = SignedConfirmation.read(shown)
        return was is not None and was.holds(self)

    @classmethod
    def read(cls, signed: str) -> "SignedConfirmation | None":
        """None where it is nothing of ours."""
        try:
            return cls(*signing.loads(signed, salt=SALT))
        except (signing.BadSignature, TypeError, ValueError):
            return None

    def holds(self, now: "SignedConfirmation") -> bool:
        """Whether what would be sent now is what was shown, within the bound."""
        same = (self.content, self.starts_at_once) == (now.content, now.starts_at_once)
        return same and all(
            is_near(getattr(self, name), getattr(now, name))
            for name in ("messages", "kopecks", "at_night")
        )


@dataclass(frozen=True)
class Confirmation:
    """The last look at a mailing: whom it reaches, what it costs, what time it is for them."""

    mailing: Mailing
    counted: Mapping[str, Any]
    zones: Sequence[LocalTime]
    starts_at_once: bool

    @classmethod
    def of(cls, mailing: Mailing, *, starts_at_once: bool) -> "Confirmation":
        """Count it, saved or not."""
        counted = preview(mailing)
        forecast = counted["forecast"]
        finishes_at = mailing.ends_at if forecast.will_not_fit else forecast.finishes_at
        zones = local_times(mailing, finishes_at, counted["zones"])
        return cls(mailing, counted, zones, starts_at_once)

    @classmethod
    def waiting(cls, mailing: Mailing) -> "Confirmation | None":
        """Of a mailing that waits; None where it cannot go as it is any more: its end has passed,
        or its provider is gone."""
        now = database_now()
        if mailing.ends_at <= now or mailing.provider not in aliases():
            return None
        return cls.of(mailing, starts_at_once=mailing.starts_at <= now)

    @cached_property
    def agreement(self) -> SignedConfirmation:
        """What one agrees to."""
        price = self.counted["price"]
        kopecks = -1 if price is None else round(price * 100)
        content = _content_of(self.mailing, self.starts_at_once)
        return SignedConfirmation(
            content, self.counted["messages"], kopecks, self.at_night, self.starts_at_once
        )

    def is_confirmed(self, data: Mapping[str, Any]) -> bool:
        """Whether the page that was sent has shown this."""
        return self.agreement.covers(str(data.get(AGREED, "")))

    def is_about(self, mailing: Mailing) -> bool:
        """Whether it is this mailing's content that was agreed to."""
        return self.agreement.content == _content_of(mailing, self.starts_at_once)

    @property
    def at_night(self) -> int:
        """How many of the clients would get it in their night."""
        return sum(zone.clients for zone in self.zones if zone.is_night)

    @property
    def shown_zones(self) -> Sequence[tuple[Any, LocalTime]]:
        """Those where it is night, and those with most clients; by their names."""
        night_first = sorted(self.zones, key=lambda zone: not zone.is_night)
        return [(RUSSIAN.get(one.zone, one.zone), one) for one in night_first[:MOST_ZONES]]

    @property
    def further_zones(self) -> int:
        return max(0, len(self.zones) - MOST_ZONES)

    @property
    def excluded(self) -> Sequence[tuple[Promise, int]]:
        """Why how many get nothing; only where there are any."""
        left_out = self.counted["excluded"]
        return [(label, left_out[why]) for why, label in REASONS.items() if left_out.get(why)]

    @property
    def audience(self) -> Sequence[str]:
        return describe(self.mailing.filter)

    @property
    def condition_hints(self) -> Sequence[Hint]:
        return condition_hints(self.mailing.filter)

    @property
    def zone(self) -> str:
        """The page's zone on the day that it starts."""
        return here(self.mailing.starts_at)

    @property
    def is_everybody(self) -> bool:
        return not self.mailing.filter

    @property
    def price(self) -> str:
        price = self.counted["price"]
        return "" if price is None else money(price)

    @property
    def sample(self) -> Any:
        """What the first of them gets; None where nobody gets anything."""
        return next(iter(self.counted["samples"]), None)


def _content_of(mailing: Mailing, starts_at_once: bool) -> str:
    content = {name: getattr(mailing, name) for name in CONTENT}
    content["starts_at"] = None if starts_at_once else mailing.starts_at
    return mark_of(content)

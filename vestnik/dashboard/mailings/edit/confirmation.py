"""The confirmation before a mailing is sent, and the proof of what it showed.

confirmation = Confirmation.of(mailing, starts_at_once=True)    # the mailing may be unsaved
<input type="hidden" name="agreed" value="{{ confirmation.agreement.signed }}">
confirmation.is_confirmed(request.POST)                           # counts may differ by 1 %
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
from vestnik.dashboard.templatetags.vestnik import money
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dashboard.wording.zones import RUSSIAN, here
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import database_now
from vestnik.providers.registry import aliases
from vestnik.reports.mailing.local_times import LocalTime, local_times
from vestnik.reports.mailing.preview import preview

AGREED = "agreed"
#: Zones that the confirmation lists, those at night first.
MOST_ZONES = 6
#: The fields that decide who gets what and when: a change of any requires a new confirmation.
CONTENT = ("name", "text", "ends_at", "local_hours", "provider", "rate_limit", "filter")


@dataclass(frozen=True)
class SignedConfirmation:
    """What was shown: a digest of the content, and the numbers."""

    content: str
    messages: int
    kopecks: int
    at_night: int
    starts_at_once: bool

    @property
    def signed(self) -> str:
        """The signed form, for a hidden field of the page."""
        return signing.dumps(astuple(self), salt=SALT)

    def __str__(self) -> str:
        return self.signed

    def covers(self, shown: str) -> bool:
        """Return whether the page with that signed form has shown this."""
        was = SignedConfirmation.read(shown)
        return was is not None and was.holds(self)

    @classmethod
    def read(cls, signed: str) -> "SignedConfirmation | None":
        """Return what was shown; None if the signature is wrong."""
        try:
            return cls(*signing.loads(signed, salt=SALT))
        except (signing.BadSignature, TypeError, ValueError):
            return None

    def holds(self, now: "SignedConfirmation") -> bool:
        """Return whether what would be sent now is what was shown, within the tolerance."""
        same = (self.content, self.starts_at_once) == (now.content, now.starts_at_once)
        return same and all(
            is_near(getattr(self, name), getattr(now, name))
            for name in ("messages", "kopecks", "at_night")
        )


@dataclass(frozen=True)
class Confirmation:
    """The final check of a mailing: its clients, its price, its local times."""

    mailing: Mailing
    counted: Mapping[str, Any]
    zones: Sequence[LocalTime]
    starts_at_once: bool

    @classmethod
    def of(cls, mailing: Mailing, *, starts_at_once: bool) -> "Confirmation":
        """Compute it for a mailing, saved or not."""
        counted = preview(mailing)
        forecast = counted["forecast"]
        finishes_at = mailing.ends_at if forecast.will_not_fit else forecast.finishes_at
        zones = local_times(mailing, finishes_at, counted["zones"])
        return cls(mailing, counted, zones, starts_at_once)

    @classmethod
    def waiting(cls, mailing: Mailing) -> "Confirmation | None":
        """Compute it for a mailing before its start.

        None if it cannot be sent as it is: its end has passed, or its provider is not configured
        any more.
        """
        now = database_now()
        if mailing.ends_at <= now or mailing.provider not in aliases():
            return None
        return cls.of(mailing, starts_at_once=mailing.starts_at <= now)

    @cached_property
    def agreement(self) -> SignedConfirmation:
        """What the user confirms."""
        price = self.counted["price"]
        kopecks = -1 if price is None else round(price * 100)
        content = _content_of(self.mailing, self.starts_at_once)
        return SignedConfirmation(
            content, self.counted["messages"], kopecks, self.at_night, self.starts_at_once
        )

    def is_confirmed(self, data: Mapping[str, Any]) -> bool:
        """Return whether the submitted page has shown this."""
        return self.agreement.covers(str(data.get(AGREED, "")))

    def is_about(self, mailing: Mailing) -> bool:
        """Return whether this mailing's content was confirmed."""
        return self.agreement.content == _content_of(mailing, self.starts_at_once)

    @property
    def at_night(self) -> int:
        """The number of clients who would get it at night."""
        return sum(zone.clients for zone in self.zones if zone.is_night)

    @property
    def shown_zones(self) -> Sequence[tuple[Any, LocalTime]]:
        """The zones where it is night, and those with most clients; by their names."""
        night_first = sorted(self.zones, key=lambda zone: not zone.is_night)
        return [(RUSSIAN.get(one.zone, one.zone), one) for one in night_first[:MOST_ZONES]]

    @property
    def further_zones(self) -> int:
        return max(0, len(self.zones) - MOST_ZONES)

    @property
    def excluded(self) -> Sequence[tuple[Promise, int]]:
        """The reasons for excluding clients with their numbers, if not zero."""
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
        """The page's zone on the day of the start."""
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
        """The first client's message; None if there are no recipients."""
        return next(iter(self.counted["samples"]), None)


def _content_of(mailing: Mailing, starts_at_once: bool) -> str:
    content = {name: getattr(mailing, name) for name in CONTENT}
    content["starts_at"] = None if starts_at_once else mailing.starts_at
    return mark_of(content)

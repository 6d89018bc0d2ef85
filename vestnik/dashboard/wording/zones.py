"""The choices of a time zone: Russia's zones by their usual names, then all others."""

import zoneinfo
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

RUSSIAN: dict[str, Promise] = {
    "Europe/Kaliningrad": _("Kaliningrad"),
    "Europe/Moscow": _("Moscow"),
    "Europe/Samara": _("Samara"),
    "Asia/Yekaterinburg": _("Yekaterinburg"),
    "Asia/Omsk": _("Omsk"),
    "Asia/Novosibirsk": _("Novosibirsk"),
    "Asia/Krasnoyarsk": _("Krasnoyarsk"),
    "Asia/Irkutsk": _("Irkutsk"),
    "Asia/Yakutsk": _("Yakutsk"),
    "Asia/Vladivostok": _("Vladivostok"),
    "Asia/Magadan": _("Magadan"),
    "Asia/Kamchatka": _("Kamchatka"),
}
REGIONS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")

#: The choice of the service's own zone.
OWN = "own"

Choices = list[tuple[str, str]]


def choices() -> list[tuple[str, str | Choices]]:
    """Return the choices of a form field: OWN, then Russia's, then all others."""
    now = timezone.now()
    own = gettext("same as the service: %(zone)s") % {"zone": labelled(settings.TIME_ZONE, now)}
    russian = [(name, labelled(name, now)) for name in RUSSIAN]
    others = [(name, labelled(name, now)) for name in _others()]
    return [(OWN, own), (gettext("Russia"), russian), (gettext("Other zones"), others)]


def find_zone(name: str) -> zoneinfo.ZoneInfo | None:
    """Return the zone of that name; None if this machine's tz database does not have it."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def labelled(name: str, at: datetime) -> str:
    """Return the zone with its offset: `Moscow, UTC+3`."""
    return f"{RUSSIAN.get(name, name)}, {offset(name, at)}"


def here(at: datetime | None = None) -> str:
    """Return the zone of the page's times, with its UTC offset at that time or now."""
    return labelled(timezone.get_current_timezone_name(), at or timezone.now())


def of_the_service_day(at: datetime) -> str:
    """Return the service's zone, whose days are counted; empty if the page has the same time."""
    service = settings.TIME_ZONE
    is_same = offset(service, at) == offset(timezone.get_current_timezone_name(), at)
    return "" if is_same else labelled(service, at)


def current_name() -> str:
    """Return the name of the zone of the page's times; its UTC offset depends on the day."""
    name = timezone.get_current_timezone_name()
    return str(RUSSIAN.get(name, name))


def offset(name: str, at: datetime) -> str:
    """Return the zone's UTC offset at that time, as `UTC+3` or `UTC+5:30`."""
    if (zone := find_zone(name)) is None:
        return gettext("unknown time zone")
    ahead = at.astimezone(zone).utcoffset() or timedelta()
    minutes = round(ahead.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


@cache
def _others() -> list[str]:
    known = zoneinfo.available_timezones()
    return sorted(n for n in known - RUSSIAN.keys() if n.partition("/")[0] in REGIONS)

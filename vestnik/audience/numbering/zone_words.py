"""A time zone as people write it in a table: `МСК+2`, `UTC+5`, `Екатеринбург`."""

import re
from functools import lru_cache

from vestnik.audience.numbering.regions import zone_of_place
from vestnik.audience.validation import timezones

# Zones by minutes ahead of UTC: those of Russia, and others without daylight saving time, since an
# offset means the same wall clock all year.
BY_OFFSET = {
    120: "Europe/Kaliningrad",
    180: "Europe/Moscow",
    240: "Europe/Samara",
    300: "Asia/Yekaterinburg",
    360: "Asia/Omsk",
    420: "Asia/Krasnoyarsk",
    480: "Asia/Irkutsk",
    540: "Asia/Yakutsk",
    600: "Asia/Vladivostok",
    660: "Asia/Magadan",
    720: "Asia/Kamchatka",
    0: "UTC",
    210: "Asia/Tehran",
    270: "Asia/Kabul",
    330: "Asia/Kolkata",
    345: "Asia/Kathmandu",
    390: "Asia/Yangon",
    570: "Australia/Darwin",
}
#: Minutes ahead of UTC.
MOSCOW = 180
DASHES = re.compile("[\u2010-\u2015\u2212]")
#: A remark in brackets: «МСК+2 (Екатеринбург)».
NOTE = re.compile(r"\s*\([^()]*\)\s*")
MOSCOW_WORDS = r"(?:мск|msk|московское(?: время)?|по москве|время московское)"
#: МСК+2, «московское время», MSK -1 ч.
RELATIVE = re.compile(rf"{MOSCOW_WORDS}(?:\s*([+-])\s*([0-9]{{1,2}})(?:\s*ч(?:\.|ас\w*)?)?)?")
#: UTC+5, GMT+05:30, +3.
ABSOLUTE = re.compile(
    r"(?:utc|gmt|ютс|гмт)?\s*([+-])\s*([0-9]{1,2})(?::?([0-5][0-9]))?(?:\s*ч(?:\.|ас\w*)?)?"
)
ZERO = frozenset({"utc", "gmt", "ютс", "гмт", "z"})


@lru_cache(4096)
def zone_named(written: str) -> str | None:
    """Return the IANA name of the zone; None if the words name none."""
    name = written.strip()
    if name in timezones():
        return name
    plain = NOTE.sub(" ", DASHES.sub("-", name).casefold()).strip()
    for find in (_by_name, _by_moscow, _by_utc, zone_of_place):
        if zone := find(plain):
            return zone if zone in timezones() else None
    return None


def _by_name(plain: str) -> str | None:
    """Return the zone of a name like `europe/moscow`; abbreviations such as EST name no place."""
    return next((zone for zone in timezones() if "/" in zone and zone.casefold() == plain), None)


def _by_moscow(plain: str) -> str | None:
    match = RELATIVE.fullmatch(plain)
    if match is None:
        return None
    hours = int(match[2] or 0)
    return _at(MOSCOW + (-60 if match[1] == "-" else 60) * hours)


def _by_utc(plain: str) -> str | None:
    if plain in ZERO:
        return BY_OFFSET[0]
    match = ABSOLUTE.fullmatch(plain)
    if match is None:
        return None
    minutes = 60 * int(match[2]) + int(match[3] or 0)
    return _at(-minutes if match[1] == "-" else minutes)


def _at(minutes: int) -> str | None:
    """Return the zone that is always so many minutes ahead of UTC."""
    if minutes in BY_OFFSET:
        return BY_OFFSET[minutes]
    # Etc zones have the sign of POSIX: Etc/GMT-13 is 13 hours ahead.
    hours, rest = divmod(minutes, 60)
    return f"Etc/GMT{-hours:+d}" if not rest and -12 <= hours <= 14 else None

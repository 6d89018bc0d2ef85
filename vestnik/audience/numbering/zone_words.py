"""A time zone as people write it in a table: `МСК+2`, `UTC+5`, `Екатеринбург`."""

import re
from functools import lru_cache

from vestnik.audience.numbering.regions import zone_of_place
from vestnik.audience.validation import timezones

# The zones of Russia by what they are ahead of UTC, in minutes, and others that never change their
# clocks: who writes an offset means the same wall clock all the year round.
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
MOSCOW = 180
DASHES = re.compile("[\u2010-\u2015\u2212]")
NOTE = re.compile(r"\s*\([^()]*\)\s*")
MOSCOW_WORDS = r"(?:мск|msk|московское(?: время)?|по москве|время московское)"
RELATIVE = re.compile(rf"{MOSCOW_WORDS}(?:\s*([+-])\s*([0-9]{{1,2}})(?:\s*ч(?:\.|ас\w*)?)?)?")
ABSOLUTE = re.compile(
    r"(?:utc|gmt|ютс|гмт)?\s*([+-])\s*([0-9]{1,2})(?::?([0-5][0-9]))?(?:\s*ч(?:\.|ас\w*)?)?"
)
ZERO = frozenset({"utc", "gmt", "ютс", "гмт", "z"})


@lru_cache(4096)
def zone_named(written: str) -> str | None:
    """The zone's name in the IANA database; None where the words name none."""
    name = written.strip()
    if name in timezones():
        return name
    plain = NOTE.sub(" ", DASHES.sub("-", name).casefold()).strip()
    for read in (_by_name, _by_moscow, _by_utc, zone_of_place):
        if zone := read(plain):
            return zone if zone in timezones() else None
    return None


def _by_name(plain: str) -> str | None:
    """`europe/moscow`; abbreviations such as EST are no name of a place."""
    return next((zone for zone in timezones() if "/" in zone and zone.casefold() == plain), None)


def _by_moscow(plain: str) -> str | None:
    found = RELATIVE.fullmatch(plain)
    if found is None:
        return None
    hours = int(found[2] or 0)
    return _at(MOSCOW + (-60 if found[1] == "-" else 60) * hours)


def _by_utc(plain: str) -> str | None:
    if plain in ZERO:
        return BY_OFFSET[0]
    found = ABSOLUTE.fullmatch(plain)
    if found is None:
        return None
    minutes = 60 * int(found[2]) + int(found[3] or 0)
    return _at(-minutes if found[1] == "-" else minutes)


def _at(minutes: int) -> str | None:
    """The zone that is always so many minutes ahead of UTC; the database's own have the sign of
    POSIX, so that Etc/GMT-13 is ahead."""
    if minutes in BY_OFFSET:
        return BY_OFFSET[minutes]
    hours, rest = divmod(minutes, 60)
    return f"Etc/GMT{-hours:+d}" if not rest and -12 <= hours <= 14 else None

"""Formats a stored number or time as Excel shows it.

Dates and times become ISO 8601. Excel counts days from 1900, with a 29 February 1900 that did not
exist, or from 1904; a number below one is a time of day.
"""

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal

from vestnik.audience.importing.xlsx.styles import DisplayFormat

#: Day 0 of Excel, two days before 1900: it counts from 1, and has a false 29 February.
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  (a sheet knows no time zones)
EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001  (likewise)
#: The day that exists only in Excel; those before it are one later.
FALSE_DAY, LAST_DAY, FROM_1904 = 60, 2_958_466, 1_462
DAY = 86_400
#: A number as XML stores it, with an exponent.
NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*(?:E[+-]?[0-9]{1,4})?", re.IGNORECASE | re.ASCII)
#: Strict files store dates and times as ISO 8601.
ISO = re.compile(
    r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})T?)?(?:([0-9]{2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]+)?))?Z?)?",
    re.ASCII,
)
# Doubles are exact up to 2**53; digits of an integer that is shown as stored; digits that are shown
# without an exponent.
EXACT, LONGEST_EXACT, LONGEST_PLAIN = 2**53, 17, 21


def number(written: str) -> str:
    """Return a number with the 15 digits of Excel: 0.30000000000000004 is 0.3, 7.9E+10 is 79000…"""
    if written.isdecimal() and len(written) <= LONGEST_EXACT:
        return written
    value = _float(written)
    if value is None:
        return written
    if value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    digits = format(value, ".15g")
    return format(Decimal(digits), "f") if 1e-10 < abs(value) < 10**LONGEST_PLAIN else digits


def _float(written: str) -> float | None:
    written = written.strip()
    if not NUMBER.fullmatch(written):
        return None
    try:
        value = float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def shown(written: str, form: DisplayFormat, from_1904: bool) -> str:
    """Return a stored number in this format; an impossible date stays a number."""
    value = _float(written)
    if value is None:
        return written
    if form.digits:
        return number(written).zfill(form.digits) if value.is_integer() else number(written)
    days_end = LAST_DAY - FROM_1904 if from_1904 else LAST_DAY
    if not 0 <= value < days_end:
        return number(written)
    seconds = round(value * DAY)
    if form.elapsed:
        return _duration(seconds, form)
    days, rest = divmod(seconds, DAY)
    if not form.has_date or (0 < value < 1 and not from_1904):
        return _time(rest, form)
    day = _day(days, from_1904)
    return f"{day}T{_clock(rest)}" if rest and form.has_time else day


def _day(days: int, from_1904: bool) -> str:
    if from_1904:
        return (EPOCH_1904 + timedelta(days)).date().isoformat()
    if days in (0, FALSE_DAY):
        return "1900-01-00" if not days else "1900-02-29"
    return (EPOCH + timedelta(days + (days < FALSE_DAY))).date().isoformat()


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _time(seconds: int, form: DisplayFormat) -> str:
    """Return the time of day; with seconds if they are shown, or hidden by a date format."""
    with_seconds = form.has_seconds or (form.has_date and seconds % 60)
    return _clock(seconds) if with_seconds else _clock(seconds)[:5]


def _duration(seconds: int, form: DisplayFormat) -> str:
    if form.elapsed == "s":
        return str(seconds)
    if form.elapsed == "m":
        minutes, remaining = divmod(seconds, 60)
        return f"{minutes}:{remaining:02}" if form.has_seconds else str(minutes)
    hours, remaining = divmod(seconds, 3600)
    parts = [str(hours)]
    if form.has_minutes:
        parts.append(f"{remaining // 60:02}")
    if form.has_seconds:
        parts.append(f"{remaining % 60:02}")
    return ":".join(parts)


def instant(written: str, form: DisplayFormat | None) -> str:
    """Return what a strict file stores as ISO 8601, without fractions of seconds."""
    match = ISO.fullmatch(written.strip())
    if not match or not written.strip():
        return written
    day, hour, minute, second = match.groups()
    if hour is None:
        return day
    seconds = int(hour) * 3600 + int(minute) * 60 + round(float(second or 0))
    if day is None or (form and not form.has_date):
        return _time(seconds % DAY, form or DisplayFormat(has_seconds=bool(seconds % 60)))
    try:
        at = datetime.fromisoformat(day) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return written
    return at.isoformat() if seconds % DAY else at.date().isoformat()

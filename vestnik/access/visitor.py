"""The address from which a request comes."""

import threading
import time
from ipaddress import ip_address

import structlog
from django.conf import settings
from django.http import HttpRequest

log = structlog.get_logger(__name__)

NOT_READ = "X-Forwarded-For is not read: the address of the connection is used"
REMEDY = (
    "WEB_PROXIES must be the number of your proxies before the web, each of which adds an address; "
    "if it is right, the web must not be reachable past them"
)
#: Seconds between warnings in each process. Any client can send the header, so an unlimited warning
#: would flood the log.
SAY_EVERY = 3600.0
clock = time.monotonic
_saying = threading.Lock()
#: When this process last warned, by `clock`.
warned_at = float("-inf")


def address(request: HttpRequest) -> str | None:
    """Return the visitor's address, or None if it is not valid.

    `X-Forwarded-For` is read from the right, for as many entries as there are own proxies
    (WEB_PROXIES): clients can write anything to the left of those.
    """
    ours = settings.WEB_PROXIES
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if ours and len(entries) >= ours and (visitor := _valid(entries[-ours])):
        return visitor
    if any(entries):
        _warn_not_read(ours)
    return _valid(request.META.get("REMOTE_ADDR", ""))


def _warn_not_read(ours: int) -> None:
    # One warning per process and hour is enough: the fault is in the configuration.
    global warned_at
    with _saying:
        now = clock()
        if now - warned_at < SAY_EVERY:
            return
        warned_at = now
    log.warning(NOT_READ, web_proxies=ours, remedy=REMEDY)


def _valid(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None

"""From where a request comes."""

import threading
import time
from ipaddress import ip_address

import structlog
from django.conf import settings
from django.http import HttpRequest

log = structlog.get_logger(__name__)

NOT_READ = "X-Forwarded-For is not read: the visitor counts as the address of the connection"
REMEDY = (
    "WEB_PROXIES must be the number of your proxies before the web, each of which adds an address; "
    "where it is right, let nobody reach the web past them"
)
#: Anybody can send the header: one line an hour in each process.
SAY_EVERY = 3600.0
_saying = threading.Lock()
_said_at = float("-inf")


def address(request: HttpRequest) -> str | None:
    """The visitor's address.

    `X-Forwarded-For` is believed only for as many entries as there are proxies of ours
    (WEB_PROXIES), counted from the right: what stands before them, anybody can write.
    """
    ours = settings.WEB_PROXIES
    named = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if ours and len(named) >= ours and (found := _valid(named[-ours])):
        return found
    if any(named):
        _say_that_it_is_not_read(ours)
    return _valid(request.META.get("REMOTE_ADDR", ""))


def _say_that_it_is_not_read(ours: int) -> None:
    global _said_at
    with _saying:
        now = time.monotonic()
        if now - _said_at < SAY_EVERY:
            return
        _said_at = now
    log.warning(NOT_READ, web_proxies=ours, remedy=REMEDY)


def _valid(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None

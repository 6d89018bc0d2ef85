"""From where a request comes."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def address(request: HttpRequest) -> str | None:
    """The visitor's address.

    `X-Forwarded-For` is believed only for as many entries as there are proxies of ours
    (WEB_PROXIES), counted from the right: what stands before them, anybody can write.
    """
    ours = settings.WEB_PROXIES
    named = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if ours and len(named) >= ours and (found := _valid(named[-ours])):
        return found
    return _valid(request.META.get("REMOTE_ADDR", ""))


def _valid(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None

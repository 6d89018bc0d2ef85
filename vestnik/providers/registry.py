"""Builds the providers that `SMS_PROVIDERS` declares.

`SMS_PROVIDERS = {alias: {"BACKEND": name or dotted path, "OPTIONS": {…}}}`, as Django declares
its databases and caches.
"""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from vestnik.providers.base import Provider
from vestnik.providers.errors import UnknownProvider

BACKENDS = {
    "console": "vestnik.providers.console.ConsoleProvider",
    "http_gateway": "vestnik.providers.http_gateway.HttpGatewayProvider",
    "null": "vestnik.providers.null.NullProvider",
    "smpp": "vestnik.providers.smpp.provider.SmppProvider",
    "smsc": "vestnik.providers.smsc.SmscProvider",
}


def aliases() -> list[str]:
    """Return the aliases of all configured providers."""
    return list(settings.SMS_PROVIDERS)


def build(alias: str) -> Provider:
    """Return a new provider of that alias.

    Raises UnknownProvider if there is none, OptionError if its options are wrong, and ImportError
    or TypeError if its backend does not exist or is not a provider.
    """
    try:
        declared = settings.SMS_PROVIDERS[alias]
    except KeyError:
        raise UnknownProvider(alias) from None
    backend = str(declared["BACKEND"])
    provider = import_string(BACKENDS.get(backend, backend))(alias, declared.get("OPTIONS", {}))
    if not isinstance(provider, Provider):
        raise TypeError(f"{backend} is not a provider")
    return provider


@cache
def describe(alias: str) -> Provider:
    """Return the provider of that alias, which the whole process shares, since it never changes."""
    return build(alias)

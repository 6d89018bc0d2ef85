"""The choices of a provider, with price and rate."""

from django.utils.translation import gettext as _

from vestnik.dashboard.templatetags.vestnik import money, number
from vestnik.providers.registry import aliases, describe


def provider_choices(gone: str = "") -> list[tuple[str, str]]:
    """Return all configured providers, and `gone` if a mailing still names it."""
    known = [(alias, _label(alias)) for alias in aliases()]
    if gone and gone not in aliases():
        known.append((gone, _("%(provider)s (not configured any more)") % {"provider": gone}))
    return known


def _label(alias: str) -> str:
    provider = describe(alias)
    parts = [alias]
    if provider.price_per_segment is not None:
        parts.append(_("%(price)s a segment") % {"price": money(provider.price_per_segment)})
    if provider.max_rate:
        parts.append(_("up to %(rate)s a second") % {"rate": rate(provider.max_rate)})
    return " · ".join(parts)


def rate(per_second: float) -> str:
    """Return a rate per second with as few digits as useful."""
    if per_second < 0.1:
        return number(float(f"{per_second:.2g}"))
    whole = per_second >= 10 or per_second == int(per_second)
    return number(round(per_second) if whole else round(per_second, 2))

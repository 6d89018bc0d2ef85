"""System checks: a provider that is declared wrongly stops the start and names the variable."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from vestnik.providers.errors import OptionError
from vestnik.providers.registry import aliases, build
from vestnik.variables import PROVIDER_PREFIX


@register("providers")
def check_providers(**kwargs: Any) -> list[CheckMessage]:
    """Each declared provider can be built, and the default one is declared."""
    found = [problem for alias in aliases() for problem in _check(alias)]
    if settings.SMS_DEFAULT_PROVIDER not in aliases():
        found.append(
            Error(
                f"DEFAULT_SMS_PROVIDER names {settings.SMS_DEFAULT_PROVIDER!r}, "
                "which is not configured.",
                hint=f"Configured are: {', '.join(aliases())}.",
                id="providers.E003",
            )
        )
    return found


def _check(alias: str) -> list[CheckMessage]:
    stem = PROVIDER_PREFIX + alias.upper().replace("-", "_")
    try:
        build(alias)
    except OptionError as error:
        name = f"{stem}_{error.option.upper()}"
        return [Error(f"{name} {error.problem}.", obj=alias, id="providers.E001")]
    except (ImportError, TypeError) as error:
        return [Error(f"{stem}_BACKEND: {error}.", obj=alias, id="providers.E002")]
    return []

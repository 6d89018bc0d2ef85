"""System checks: a wrong declaration of a provider stops the start and names the variable."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from vestnik.providers.errors import OptionError
from vestnik.providers.registry import aliases, build
from vestnik.variables import PROVIDER_PREFIX

#: A right callback secret is accepted even during an attack, so only its length protects it.
SHORTEST_SECRET = 16


@register("providers")
def check_providers(**kwargs: Any) -> list[CheckMessage]:
    """Check that each declared provider can be built, and that the default one is declared."""
    problems = [problem for alias in aliases() for problem in _check(alias)]
    if settings.SMS_DEFAULT_PROVIDER not in aliases():
        problems.append(
            Error(
                f"DEFAULT_SMS_PROVIDER names {settings.SMS_DEFAULT_PROVIDER!r}, "
                "which is not configured.",
                hint=f"Configured providers: {', '.join(aliases())}.",
                id="providers.E003",
            )
        )
    return problems


def _check(alias: str) -> list[CheckMessage]:
    stem = PROVIDER_PREFIX + alias.upper().replace("-", "_")
    try:
        build(alias)
    except OptionError as error:
        name = f"{stem}_{error.option.upper()}"
        return [Error(f"{name} {error.problem}.", obj=alias, id="providers.E001")]
    except (ImportError, TypeError) as error:
        return [Error(f"{stem}_BACKEND: {error}.", obj=alias, id="providers.E002")]
    return _check_secret(alias, stem)


def _check_secret(alias: str, stem: str) -> list[CheckMessage]:
    declared: dict[str, Any] = settings.SMS_PROVIDERS[alias]
    secret = declared.get("OPTIONS", {}).get("callback_secret", "")
    if not 0 < len(secret) < SHORTEST_SECRET:
        return []
    return [
        Warning(
            f"{stem}_CALLBACK_SECRET is short: it can be guessed.",
            hint=f"Use at least {SHORTEST_SECRET} random characters.",
            obj=alias,
            id="providers.W001",
        )
    ]

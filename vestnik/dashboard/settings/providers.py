"""The ways out: what each can do, how it is, and what goes through it now."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse

from vestnik.dashboard.settings.tabs import show
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dispatch.read.breakers import BreakerStatus, breakers_of
from vestnik.dispatch.read.progress import Progress, progress_of
from vestnik.mailings.models import Mailing, MailingState
from vestnik.providers.base import Provider
from vestnik.providers.registry import aliases, describe

#: Of the mailings that run now, so many are shown with each provider.
SHOWN = 5


@dataclass(frozen=True)
class ProviderStatus:
    """A provider as the page shows it."""

    alias: str
    backend: str
    provider: Provider
    breaker: BreakerStatus
    running: list[tuple[Mailing, Progress]]
    is_default: bool

    @property
    def is_open(self) -> bool:
        """Whether its breaker keeps messages from it."""
        return not self.breaker.is_closed


@page()
def providers(request: OperatorRequest) -> HttpResponse:
    """Return all providers."""
    return show(request, "settings", "providers", {"ways": provider_statuses(aliases())})


def provider_statuses(wanted: Iterable[str]) -> list[ProviderStatus]:
    """Return the providers of these aliases, by three queries."""
    breakers = breakers_of(wanted)
    running = list(Mailing.objects.filter(state=MailingState.RUNNING).order_by("-id")[:100])
    progress = progress_of(mailing.pk for mailing in running)
    return [
        ProviderStatus(
            alias=alias,
            backend=str(settings.SMS_PROVIDERS[alias]["BACKEND"]),
            provider=describe(alias),
            breaker=breaker,
            running=[(m, progress[m.pk]) for m in running if m.provider == alias][:SHOWN],
            is_default=alias == settings.SMS_DEFAULT_PROVIDER,
        )
        for alias, breaker in breakers.items()
    ]

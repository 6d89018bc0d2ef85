"""A dispatcher of a worker, run in the test's own thread, to a gateway over a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.providers.registry import describe


@contextmanager
def provider(settings: Any, alias: str, backend: str, **options: str) -> Iterator[None]:
    """A provider of that alias for as long as the block lasts."""
    settings.SMS_PROVIDERS = settings.SMS_PROVIDERS | {
        alias: {"BACKEND": backend, "OPTIONS": options}
    }
    describe.cache_clear()
    try:
        yield
    finally:
        describe.cache_clear()


@contextmanager
def provider_pool() -> Iterator[ProviderPool]:
    """An event loop with providers, as a worker process has it."""
    found = ProviderPool(DatabaseSink())
    try:
        yield found
    finally:
        found.close()


@contextmanager
def open_dispatcher(alias: str) -> Iterator[Dispatcher]:
    """A dispatcher with a provider pool of its own."""
    with provider_pool() as found:
        made = Dispatcher(alias, found, lambda: False)
        try:
            yield made
        finally:
            made.finish()

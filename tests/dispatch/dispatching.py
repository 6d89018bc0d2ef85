"""A worker's dispatcher, run in the test's thread, with a gateway over a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.providers.registry import describe


@contextmanager
def provider(settings: Any, alias: str, backend: str, **options: str) -> Iterator[None]:
    """Configure a provider with that alias during the block."""
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
    """A provider pool, as a worker process has it."""
    found = ProviderPool(DatabaseSink())
    try:
        yield found
    finally:
        found.close()


@contextmanager
def open_dispatcher(alias: str) -> Iterator[Dispatcher]:
    """Yield a dispatcher with a provider pool of its own."""
    with provider_pool() as found:
        made = Dispatcher(alias, found, lambda: False)
        try:
            yield made
        finally:
            made.finish()


def work_and_close(dispatcher: Dispatcher) -> None:
    """Run the dispatcher in a thread of its own, which leaves no session open."""
    try:
        dispatcher.work()
    finally:
        connection.close()

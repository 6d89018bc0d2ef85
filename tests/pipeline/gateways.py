"""Stacks whose providers are the sandbox gateway."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.gateways.standing import Standing
from tests.stack.running import RunningStack, free_port

SECRET = "callback-secret"
VALIDITY = '{"X-Validity-Seconds": "{validity_seconds}"}'


def http(gateway: Standing, alias: str, **options: str) -> dict[str, str]:
    """Return the environment of an HTTP provider."""
    given = {
        "backend": "http_gateway",
        "url": gateway.url,
        "id_path": "provider_id",
        "headers": VALIDITY,
        "callback_secret": SECRET,
        "deadline": "2",
        **options,
    }
    return declared(alias, given)


def smpp(gateway: Standing, alias: str, **options: str) -> dict[str, str]:
    """Return the environment of an SMPP provider."""
    given = {
        "backend": "smpp",
        "host": "127.0.0.1",
        "port": str(gateway.sandbox.smpp_port),
        "system_id": "vestnik",
        "sender": "Vestnik",
        "reconnect_most": "2",
        "deadline": "2",
        **options,
    }
    return declared(alias, given)


def declared(alias: str, given: dict[str, str]) -> dict[str, str]:
    return {f"SMS_PROVIDER_{alias}_{name}".upper(): value for name, value in given.items()}


@contextmanager
def stack_at(gateway: Standing, environ: dict[str, str]) -> Iterator[RunningStack]:
    """Run a stack with two workers and these providers; the gateway calls back with receipts."""
    port = free_port()
    with RunningStack(port=port, workers=2, environ=environ) as stack:
        gateway.set(callback_url=f"{stack.address}/api/v1/receipts/main/{SECRET}/")
        yield stack

"""Stacks whose providers are the sandbox gateway, and the audit of a mailing at its ledger."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gateways.standing import Standing
from tests.pipeline.mailings import AuditReport, audit, wait_ended
from tests.stack.running import RunningStack, free_port

SECRET = "callback-secret"
USUAL = {
    "delay": 0.0,
    "percent": {},
    "once": [],
    "retry_after": 1.0,
    "deduplicates": False,
    "receipts": False,
    "receipts_doubled": 0.0,
}
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


@contextmanager
def cleared(standing: Standing) -> Iterator[Standing]:
    """Empty the ledger, and let the gateway behave as usual before and after the block."""
    standing.sandbox.ledger.clear()
    standing.set(**USUAL)
    try:
        yield standing
    finally:
        standing.set(**USUAL)


def finished(
    stack: RunningStack, gateway: Standing, mailing: int, seconds: float = 60
) -> AuditReport:
    """Return the audit of the ended mailing: the sums hold, and no message is lost or doubled."""
    wait_ended(stack, mailing, seconds)
    report = audit(stack, mailing, gateway.times())
    assert report.adds_up, report
    assert not report.doubled
    assert not report.lost
    assert not report.false_sent
    return report


def attempts(stack: RunningStack, mailing: int) -> Counter[int]:
    query = "SELECT attempts FROM dispatch_message WHERE mailing_id = %s"
    return Counter(row[0] for row in stack.sql(query, (mailing,)))

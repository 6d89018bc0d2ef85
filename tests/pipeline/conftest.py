from collections.abc import Iterator

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.gateways import cleared
from tests.stack.running import RunningStack


@pytest.fixture(scope="session")
def stack():
    """One real stack with two workers, shared by the tests without faults."""
    with RunningStack(workers=2, environ={"SMS_PROVIDER_NULL_BACKEND": "null"}) as running:
        yield running


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    """The gateway that the stack of a module uses, for HTTP and SMPP."""
    with Standing(smpp=True) as gateway:
        yield gateway


@pytest.fixture
def gateway(standing: Standing) -> Iterator[Standing]:
    """The same, with an empty ledger and its usual behaviour; some modules have their own."""
    with cleared(standing) as gateway:
        yield gateway

import pytest

from tests.stack.running import RunningStack


@pytest.fixture(scope="session")
def stack():
    """One real stack with two workers, shared by the tests without faults."""
    with RunningStack(workers=2, environ={"SMS_PROVIDER_NULL_BACKEND": "null"}) as running:
        yield running

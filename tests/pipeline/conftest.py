import pytest

from tests.stack.running import RunningStack


@pytest.fixture(scope="session")
def stack():
    """One real stack with two workers for the tests that break nothing."""
    with RunningStack(workers=2, environ={"SMS_PROVIDER_NULL_BACKEND": "null"}) as running:
        yield running

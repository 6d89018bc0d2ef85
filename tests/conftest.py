"""Real servers for every test: PostgreSQL and Valkey, started before Django reads its settings.

So DJANGO_SETTINGS_MODULE is set here and not in pyproject.toml: pytest-django would read it, and
with it DATABASE_URL, before this file. Several processes (`make test` runs what bears company in
several) have servers of their own each.
"""

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import django
import pytest
import redis
from hypothesis import settings

from tests.stack.running import prepared_home
from tests.stack.servers import Servers

# `pytest --hypothesis-profile=thorough` tries 2,000 objects of each kind.
settings.register_profile("thorough", max_examples=2_000)

SERVERS = pytest.StashKey[Servers]()
HERE = Path(__file__).parent
#: What kills processes or holds a rate: nothing else may run meanwhile.
ALONE = ("containers", "dashboard/test_live.py", "pipeline")
#: Two at once: each has a stack and a Chromium, and waits for one or the other most of the time.
BROWSER = ("browser",)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: needs the machine for itself (set by conftest.py)")
    config.addinivalue_line("markers", "browser: beside one other at most (set by conftest.py)")
    # Started in the background a shell ignores Ctrl-C for us, and we would for all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("numprocesses") and not hasattr(config, "workerinput"):
        return  # it only hands out the tests
    servers = config.stash[SERVERS] = Servers().start()
    os.environ |= servers.environ() | {
        "DJANGO_SETTINGS_MODULE": "vestnik.settings",
        "SECRET_KEY": "for-tests-alone",
        "VESTNIK_HOME": str(servers.home.path),
    }
    import vestnik.celery  # noqa: F401  (hints are published by the default application)

    django.setup()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if prepared_home.cache_info().currsize:
        shutil.rmtree(prepared_home().parent, ignore_errors=True)
    if servers := config.stash.get(SERVERS, None):
        servers.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from vestnik.db import sessions

    # Modules that import the WSGI application have set those of the web for all that follows; a
    # test may stand still in its transaction, and hold a lock for as long as it likes.
    sessions.limit(idle=0)
    for item in items:
        for marker, names in {"alone": ALONE, "browser": BROWSER}.items():
            if any(item.path.is_relative_to(HERE / name) for name in names):
                item.add_marker(marker)


@pytest.fixture(scope="module", autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    """What a module leaves open (a connection, a socket, a file) fails that module, and not some
    later one in whose time it happens to be collected."""
    yield
    gc.collect()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """`make test ARGS=tests/api` has none for two of its three parts: that is no failure."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.option.markexpr:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(autouse=True)
def no_hints_left() -> Iterator[None]:
    """Nobody takes a test's hints: those of the tests before would fill the queue."""
    yield
    from django.conf import settings

    _broker(settings.REDIS_URL).delete(settings.CELERY_TASK_DEFAULT_QUEUE)


@cache
def _broker(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)

"""Real servers for every test: PostgreSQL and Valkey, started before Django reads its settings.

So DJANGO_SETTINGS_MODULE is set here and not in pyproject.toml: pytest-django would read it, and
with it DATABASE_URL, before this file.
"""

import os
import signal

import django
import pytest

from tests.stack.servers import Servers

SERVERS = pytest.StashKey[Servers]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # Started in the background a shell ignores Ctrl-C for us, and we would for all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
    config.stash[SERVERS].close()

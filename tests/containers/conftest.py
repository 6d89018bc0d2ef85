"""One Podman with its base images for all files of this folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine, missing


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if absent := missing():
        says = f"not installed: {', '.join(absent)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(says)
    folder = Path(tempfile.mkdtemp(prefix="vestnik-containers-"))
    engine = Engine(folder)
    try:
        engine.make_standins()
        yield engine
    finally:
        engine.remove()
        shutil.rmtree(folder, ignore_errors=True)

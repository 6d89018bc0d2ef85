"""What the processes of the tests would each make anew, made once.

The data of a database with all migrations applied stay in pytest's cache for as long as the
migrations and the versions of the libraries are the same. A home on which a stack has run is for
the processes of one run (`tests.stack.running.prepared_home`).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.stack.embedded_servers import Servers

ROOT = Path(__file__).parents[1]
#: The names of variables: for the processes that the tests are handed out to.
DATA, SHARED = "TESTS_PREPARED_DATA", "TESTS_PREPARED_SHARED"
MIGRATE = """
import django
django.setup()
from django.test.utils import setup_databases
setup_databases(verbosity=0, interactive=False)
"""


def share(cache: Path | None) -> None:
    """Make what the processes of this run share, and name it in the environment.

    Without `cache` they use no PostgreSQL of ours, and need no data.
    """
    if cache is not None:
        with suppress(OSError):  # it cannot be written: each process migrates by itself
            cache.mkdir(parents=True, exist_ok=True)
            os.environ[DATA] = str(_made(cache))
    os.environ[SHARED] = tempfile.mkdtemp(prefix="vestnik-prepared-")


def remove_shared() -> None:
    """Remove what was shared, in the process that made it."""
    if folder := os.environ.pop(SHARED, ""):
        shutil.rmtree(folder, ignore_errors=True)


def data(cache: Path) -> Path | None:
    """The prepared data, if there are such of the present migrations."""
    if made := os.environ.get(DATA):
        return Path(made)
    folder = cache / _digest()
    return folder if folder.exists() else None


def _made(cache: Path) -> Path:
    folder = cache / _digest()
    with locked(cache):
        if not folder.exists():
            for older in cache.iterdir():
                shutil.rmtree(older, ignore_errors=True)
            draft = cache / "draft"
            draft.mkdir()
            _make(draft)
            draft.rename(folder)
    return folder


def _digest() -> str:
    """Of all that the data depend on."""
    digest = hashlib.sha256((ROOT / "requirements" / "dev.txt").read_bytes())
    digest.update(str(os.geteuid()).encode())
    for path in sorted((ROOT / "vestnik").glob("*/migrations/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _make(folder: Path) -> None:
    servers = Servers()
    # Last but one: the servers have stopped then, and their home is there.
    servers.callback(lambda: servers.save(folder))
    with servers.start():
        environ = {"DJANGO_SETTINGS_MODULE": "vestnik.settings", "SECRET_KEY": "for-tests-alone"}
        command = [sys.executable, "-c", MIGRATE]
        given = {**os.environ, **servers.environ(), **environ}
        subprocess.run(command, cwd=ROOT, env=given, check=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process at a time."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

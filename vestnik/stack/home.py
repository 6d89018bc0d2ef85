"""The home folder of an embedded stack.

postgres/ valkey/   the servers' data
secrets.json        passwords and the secret key, created at the first start
credentials         the first account and API key
stack.json          the processes and addresses, only while the stack runs
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vestnik.stack.errors import StackError, disk_is_full, of_folder

MIB = 1 << 20
#: Free bytes that a start needs: for new data folders, and for existing ones.
ROOM_FOR_NEW = 256 * MIB
ROOM_FOR_OLD = 48 * MIB
#: Seconds to wait for the home's lock.
LOCK_TIMEOUT = 1.0


@dataclass(frozen=True)
class Home:
    """The paths in the home folder."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def credentials(self) -> Path:
        return self.path / "credentials"

    @property
    def state(self) -> Path:
        return self.path / "stack.json"

    def is_new(self) -> bool:
        """Return whether no stack has stored anything here yet."""
        return not self.secrets.exists()


def open_home(path: Path) -> Home:
    """Return the home at `path`, created if it is missing. Raises StackError if not writable."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise of_folder(path, error) from error
    return Home(path.resolve())


def check_room(home: Home) -> None:
    """Raise StackError if the disk has too little space for the servers."""
    needed = ROOM_FOR_NEW if home.is_new() else ROOM_FOR_OLD
    free = shutil.disk_usage(home.path).free
    if free < needed:
        raise StackError(
            f"{disk_is_full(home.path)} ({free // MIB} MB are free, {needed // MIB} are needed)"
        )


def lock(home: Home) -> int:
    """Lock the home for the life of this process; the lock on the folder needs no file."""
    folder = os.open(home.path, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + LOCK_TIMEOUT
    while not _locked(folder, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(folder)
            raise StackError(_already_running(home))
        # `running` holds the lock for an instant.
        time.sleep(0.05)
    return folder


def _locked(folder: int, kind: int) -> bool:
    try:
        fcntl.flock(folder, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _already_running(home: Home) -> str:
    state = read(home.state)
    where = f" at {state['address']}" if "address" in state else ""
    who = f" (pid {state['pid']})" if "pid" in state else ""
    return f"the stack of {home.path} is already running{where}{who}: stop it first, with Ctrl-C"


def running(path: Path) -> dict[str, Any]:
    """Return the state of the stack that runs on this home; empty if none runs."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return {}
    try:
        return {} if _locked(folder, fcntl.LOCK_SH) else read(Home(path).state)
    finally:
        os.close(folder)


def keep_secrets(home: Home) -> dict[str, str]:
    """Return the stack's passwords, created at the first start."""
    names = ("secret_key", "database_owner", "database_user", "broker")
    if home.is_new():
        if home.postgres.exists():
            raise StackError(
                f"{home.secrets} is missing, and without it the data in {home.postgres} cannot be "
                "opened: restore the file, or move the whole folder away to start with new data"
            )
        write_private(home.secrets, {name: secrets.token_urlsafe(32) for name in names})
    kept = read(home.secrets)
    if not set(names) <= kept.keys():
        raise StackError(f"{home.secrets} is damaged: restore it from a backup")
    return kept


def write_private(path: Path, content: Mapping[str, Any] | str, *, lasting: bool = True) -> None:
    """Write a file atomically, readable only by its owner."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    # Written beside the file and renamed: a crash leaves the old content or the new one.
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(text + "\n")
            file.flush()
            _give_to_owner_of(path.parent, file.fileno())
            if lasting:
                os.fsync(file.fileno())
        draft.rename(path)
    except OSError as error:
        raise of_folder(path.parent, error) from error


def _give_to_owner_of(folder: Path, file: int) -> None:
    """Give a file that root wrote to the owner of the home, if the file system has owners."""
    owner = folder.stat()
    if os.geteuid() == 0 and os.fstat(file).st_uid != owner.st_uid:
        with contextlib.suppress(OSError):
            os.fchown(file, owner.st_uid, owner.st_gid)


def read(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file of the home; empty if it is missing or malformed."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise of_folder(path, error) from error
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}

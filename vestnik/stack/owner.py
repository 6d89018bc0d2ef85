"""Runs a stack that root started as the user who owns its home.

Otherwise one `sudo vestnik up` would leave files of root, and the user could not start the stack
again.
"""

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from vestnik import env
from vestnik.stack import home as homes
from vestnik.stack.errors import StackError
from vestnik.stack.processes.process import Program
from vestnik.stack.stderr import say

PROBE = "from vestnik import cli, env; env.load()"


@contextmanager
def locked_home() -> Iterator[homes.Home]:
    """Open and lock the home of the environment; if root runs this, run it as the home's owner."""
    account = account_of(env.home())
    home = homes.open_home(env.home())
    lock = homes.lock(home)
    try:
        if account:
            run_as(account, home.path)
        yield home
    finally:
        os.close(lock)


def account_of(home: Path) -> pwd.struct_passwd | None:
    """Return the account to run this home's stack as; None to keep the current one.

    A missing home belongs to the owner of its parent folder.
    """
    if os.geteuid() != 0:
        return None
    place = next(path for path in (home, *home.parents) if path.exists())
    owner = place.stat().st_uid
    try:
        return pwd.getpwuid(owner) if owner else None
    except KeyError:  # a folder of another machine, mounted into a container
        return None


def run_as(account: pwd.struct_passwd, home: Path) -> NoReturn:
    """Switch to that user and execute the command again. Raises StackError if it cannot run.

    Call it with the home locked: no process may use the files whose owner changes here.
    """
    if not _can_run(account):
        raise StackError(
            f"{home} belongs to {account.pw_name}, who cannot read {sys.prefix} and the working "
            "directory: make them readable, or set VESTNIK_HOME to a folder of root"
        )
    give_home(home, account)
    say(f"{home} belongs to {account.pw_name}: everything runs as {account.pw_name}")
    os.environ |= {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "VESTNIK_HOME": str(home),
    }
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.execv(sys.executable, [sys.executable, "-m", "vestnik", *sys.argv[1:]])  # noqa: S606  (ours)


def _can_run(account: pwd.struct_passwd) -> bool:
    argv = [sys.executable, "-c", PROBE]
    probe = Program("probe", argv, os.environ, uid=account.pw_uid)
    return subprocess.run(probe.command(), capture_output=True).returncode == 0


def give_home(home: Path, account: pwd.struct_passwd) -> None:
    """Give the user the files that an earlier start as root left.

    By descriptors and without hard links: the user may have put anything into the folder.
    """
    os.chown(home, account.pw_uid, account.pw_gid)
    for _, folders, files, folder in os.fwalk(home):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            shared = not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1
            if found.st_uid != account.pw_uid and not shared:
                os.chown(name, account.pw_uid, account.pw_gid, dir_fd=folder, follow_symlinks=False)

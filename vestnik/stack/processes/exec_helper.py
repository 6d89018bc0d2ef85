"""Prepares a process and executes its program: `exec_helper.py PARENT SIGNAL UID COMMAND…`

It switches to UID (-1 keeps the current one), requests SIGNAL at the supervisor's death, and
executes COMMAND. It is a program and not a `preexec_fn`, which is unsafe with threads; with `-I -S`
it imports few modules and takes 15 ms.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
#: The exit status of shells for a command that cannot be executed.
CANNOT_RUN = 126


def main(parent: int, signal: int, uid: int, command: list[str]) -> None:
    """Execute the command. Never returns."""
    if uid >= 0:
        gid = pwd.getpwuid(uid).pw_gid
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of the uid, which clears the requested signal.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor has ended")
    try:
        os.execv(command[0], command)  # noqa: S606  (the requested program)
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])

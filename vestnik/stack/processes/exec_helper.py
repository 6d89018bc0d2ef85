"""Prepare a process and execute its program: `exec_helper.py PARENT SIGNAL UID COMMAND…`

It switches to UID (-1 keeps the current one), requests SIGNAL at the supervisor's death, then
executes COMMAND. It is a program rather than a `preexec_fn`, which is unsafe with threads; with
`-I -S` it imports no other module and takes 15 ms. The order matters: a change of the uid clears
the requested signal.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 126


def main(parent: int, signal: int, uid: int, command: list[str]) -> None:
    """Execute the command of the arguments. Never returns."""
    if uid >= 0:
        gid = pwd.getpwuid(uid).pw_gid
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
    try:
        os.execv(command[0], command)  # noqa: S606  (what we were told to become)
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])

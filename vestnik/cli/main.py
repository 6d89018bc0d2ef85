"""Parses the command line, runs the command, and converts its errors to an exit status."""

import signal
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from vestnik import env
from vestnik.cli import commands, processes
from vestnik.cli.output import fail
from vestnik.cli.parser import build_parser
from vestnik.stack.errors import StackError

#: The exit status for a wrong setting, as for a wrong option.
MISCONFIGURED = 2


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of these words, or of the command line. Return the exit status."""
    arguments = list(sys.argv[1:] if words is None else words)
    try:
        env.load()
        return run(arguments)
    except ImproperlyConfigured as error:
        return fail(str(error), MISCONFIGURED)
    except StackError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or 'system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (line := _one_line_of(error)) is None:
            raise
        return fail(line)


def script() -> int:
    """Run the `vestnik` command of the shell. Return its exit status.

    SIGINT is ignored once the command has ended: the interpreter's shutdown must not print a
    traceback.
    """
    status = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


def run(words: Sequence[str]) -> int:
    """Run one command. Raises what the command raises."""
    if words[:1] == ["manage"]:  # argparse would read Django's options as its own
        return commands.manage(words[1:])
    if words[:1] == ["sandbox"]:
        return commands.sandbox(words[1:])
    if words == ["forkserver"]:  # only `vestnik up` starts it
        return run(processes.serve_forks())
    options = build_parser().parse_args(words)
    return int(options.run(options) or 0)


def _one_line_of(error: Exception) -> str | None:
    """Return one line for an error outside this program; None for a defect, which needs a
    traceback."""
    from django.core.management import CommandError
    from django.db import OperationalError

    if isinstance(error, CommandError):
        return " ".join(str(error).split())
    if not isinstance(error, OperationalError):
        return None
    from vestnik.stack import wait_for

    address = wait_for.database_address()
    return f"the database at {address} does not answer: {wait_for.first_line(error)}"

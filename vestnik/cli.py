"""The `vestnik` command."""

import argparse
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from vestnik import env, import_commands
from vestnik.readiness import announce, is_supervised, process_name
from vestnik.stack.errors import StackError

ABOUT = """\
Vestnik sends SMS mailings: each starts by itself, reaches each client once, stops at its end.

  vestnik up                 the whole service on this machine: PostgreSQL, Valkey, web, workers
  vestnik apikey create      a key for the API
  vestnik import FILE        clients from a CSV or XLSX file
  vestnik sandbox            a gateway that costs nothing, to try providers against
  vestnik doctor             whether database, Redis and clocks are as Vestnik needs them
  vestnik manage shell       Django's commands, against the stack that runs
"""
MORE = """\
Everything is configured by the environment, or by a file .env in the working directory:
.env.example lists the variables. In containers, run `vestnik setup` once, then `vestnik web`,
`vestnik worker` and `vestnik beat`, one process each, with DATABASE_URL, REDIS_URL, SECRET_KEY.
"""
# These answer without a database; for the others it is an error to have none.
WITHOUT_DATABASE = {
    "",
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "help",
    "makemessages",
    "makemigrations",
    "spectacular",
    "version",
    "--help",
    "--version",
    "-h",
}
#: The exit status where a setting is wrong, as of a wrong option.
MISCONFIGURED = 2
LONGEST_KEY_NAME = 100
NO_STACK = (
    "the stack is not running: start it with `make run` (or `vestnik up`), "
    "or set DATABASE_URL to a server of yours"
)


def main(words: Sequence[str] | None = None) -> int:
    """The exit status."""
    given = list(sys.argv[1:] if words is None else words)
    try:
        env.load()
        return run(given)
    except ImproperlyConfigured as error:
        return fail(str(error), MISCONFIGURED)
    except StackError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or 'system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (line := in_one_line(error)) is None:
            raise
        return fail(line)


def script() -> int:
    """The `vestnik` command; its exit status.

    Once its work is done Ctrl-C has nothing left to stop: it must not print a traceback of what
    the interpreter does at its end.
    """
    status = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


def run(words: Sequence[str]) -> int:
    """Run one command. Raises what it raises."""
    if words[:1] == ["manage"]:  # argparse would take Django's options for its own
        return manage(words[1:])
    if words[:1] == ["sandbox"]:
        return sandbox(words[1:])
    if words == ["forkserver"]:  # of `vestnik up` alone: it becomes the commands asked for
        return run(fork_server())
    options = parser().parse_args(words)
    return int(options.run(options) or 0)


def fail(text: str, status: int = 1) -> int:
    """Say what is wrong, a line for each mistake; the exit status."""
    for line in text.splitlines():
        print(f"vestnik: {line}", file=sys.stderr)  # noqa: T201
    return status


def in_one_line(error: Exception) -> str | None:
    """What is wrong outside this program: its checks, its database. None for a fault of ours."""
    from django.core.management import CommandError
    from django.db import OperationalError

    if isinstance(error, CommandError):
        return " ".join(str(error).split())
    if not isinstance(error, OperationalError):
        return None
    from vestnik.stack import wait_for

    return f"the database at {wait_for.where()} does not answer: {wait_for.first_line(error)}"


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(
        prog="vestnik",
        description=ABOUT,
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _up(commands.add_parser("up", help="run everything on this machine, until Ctrl-C"))
    _setup(commands.add_parser("setup", help="migrate; on an empty database make an account"))
    for name, run, about in (
        ("web", web, "serve pages and API"),
        ("worker", worker, "send messages"),
        ("beat", beat, "the scheduler alone; each worker has one too"),
    ):
        commands.add_parser(name, help=f"one process: {about}").set_defaults(run=run)
    about = "whether database, Redis and clocks are as Vestnik needs them"
    commands.add_parser("doctor", help=about).set_defaults(run=doctor)
    upgrade = commands.add_parser(
        "upgrade-database", help="bring the embedded database to this version's PostgreSQL"
    )
    upgrade.add_argument(
        "--programs", required=True, type=Path, help="the folder of the old version's programs"
    )
    upgrade.set_defaults(run=upgrade_database)
    health = commands.add_parser("healthcheck", help="whether the process of this container works")
    health.add_argument("kind", choices=("web", "worker", "beat"))
    health.set_defaults(run=healthcheck)
    _apikey(commands.add_parser("apikey", help="keys for the API"))
    import_commands.add_import(
        commands.add_parser("import", help="clients from a CSV or XLSX file")
    )
    numbering = "the regulator's numbering register, which tells time zones"
    import_commands.add_numbering(commands.add_parser("import-numbering", help=numbering))
    commands.add_parser("sandbox", help="a gateway to try things with, by HTTP and SMPP")
    commands.add_parser("manage", help="Django's commands: `vestnik manage help`")
    return root


def _up(command: argparse.ArgumentParser) -> None:
    command.add_argument("--no-demo", action="store_true", help="no sample audience and mailing")
    command.set_defaults(run=up)


def _setup(command: argparse.ArgumentParser) -> None:
    command.add_argument("--demo", action="store_true", help="a sample audience and mailing too")
    command.add_argument(
        "--wait", type=float, default=60.0, help="seconds for the database to answer (%(default)s)"
    )
    command.set_defaults(run=setup)


def _apikey(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key; it is shown once, on the last line")
    create.add_argument(
        "--name", required=True, type=key_name, help="whose it is, for the list of keys"
    )
    create.add_argument("--role", required=True, choices=("viewer", "operator", "admin"))
    create.set_defaults(run=create_key)


def key_name(written: str) -> str:
    """A name of 1 to 100 printable characters. Raises ArgumentTypeError."""
    name = written.strip()
    if not 0 < len(name) <= LONGEST_KEY_NAME or not name.isprintable():
        raise argparse.ArgumentTypeError(f"give 1 to {LONGEST_KEY_NAME} printable characters")
    return name


def up(options: argparse.Namespace) -> None:
    """`vestnik up`."""
    from vestnik.stack.up import up as run

    run(demo=not options.no_demo)


def setup(options: argparse.Namespace) -> None:
    """`vestnik setup`."""
    start_django()
    from vestnik.stack.setup import set_up

    set_up(demo=options.demo, seconds=options.wait)


def upgrade_database(options: argparse.Namespace) -> None:
    """`vestnik upgrade-database`."""
    from vestnik.stack.servers.upgrade import upgrade_database as run

    run(options.programs.absolute())


def web(_options: argparse.Namespace) -> None:
    """`vestnik web`."""
    need_secret()
    refuse_mistakes()
    from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]  # has no types

    sys.argv = [
        "gunicorn",
        "--config",
        "python:vestnik.stack.gunicorn_conf",
        "vestnik.wsgi:application",
    ]
    run()


def worker(_options: argparse.Namespace) -> int:
    """`vestnik worker`: as `celery worker`, without importing Celery's command line (20 MiB)."""
    need_secret()
    refuse_mistakes()
    from celery.exceptions import SecurityWarning
    from celery.utils.nodenames import default_nodename, host_format

    from vestnik.celery import app

    # It warns of root, who would be at the mercy of pickled messages; ours are JSON alone.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    name = process_name(f"worker-{os.getpid()}")
    process = app.Worker(
        hostname=host_format(default_nodename(f"{name}@%h")),
        pool_cls="threads",
        concurrency=env.number("WORKER_CONCURRENCY", 16),
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    process.start()
    return int(process.exitcode or 0)


def beat(_options: argparse.Namespace) -> None:
    """`vestnik beat`: what every worker's own scheduler does, in a process without a worker."""
    need_secret()
    refuse_mistakes()
    from vestnik.db import sessions
    from vestnik.dispatch.runtime import periodic_jobs
    from vestnik.dispatch.signals import heartbeat
    from vestnik.stack import wait_for

    sessions.limit()
    wait_for.for_database()
    load_tasks()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    threads = periodic_jobs.start(stopping)
    announce()
    name = f"{process_name(f'beat-{os.getpid()}')}@{socket.gethostname()}"
    heartbeat.note_beat(name)
    while not stopping.wait(periodic_jobs.SIGN_EVERY):
        if not periodic_jobs.hanging():
            heartbeat.note_beat(name)
    for thread in threads:
        thread.join()


def doctor(_options: argparse.Namespace) -> int:
    """`vestnik doctor`: a line for each thing that was looked at; the exit status."""
    start_django()
    from vestnik.stack.doctor import examine

    findings = list(examine())
    for finding in findings:
        print(finding)  # noqa: T201
    return int(not all(finding.is_well for finding in findings))


def healthcheck(options: argparse.Namespace) -> int:
    """`vestnik healthcheck`."""
    from vestnik.stack.healthcheck import trouble

    found = trouble(options.kind)
    return fail(found) if found else 0


def load_tasks() -> None:
    """Have Celery's tasks and the scheduler's jobs registered, as Celery's worker does."""
    from vestnik.celery import app

    app.loader.import_default_modules()


def fork_server() -> Sequence[str]:
    """Serve, and return the words of a command in each forked process."""
    start_django()
    from vestnik.stack.processes.forkserver import serve

    return serve()


def create_key(options: argparse.Namespace) -> None:
    """`vestnik apikey create`."""
    need_database()
    from django.db import transaction

    from vestnik.access.models import ApiKey

    with transaction.atomic():  # a key that could not be shown is not made
        _, key = ApiKey.objects.issue(name=options.name, role=options.role)
        print(key, flush=True)  # noqa: T201


def manage(words: Sequence[str]) -> int:
    """`vestnik manage`."""
    need_database(strict=next(iter(words), "") not in WITHOUT_DATABASE)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["vestnik manage", *words])
    return 0


def sandbox(words: Sequence[str]) -> int:
    """`vestnik sandbox`."""
    from vestnik.sandbox import main as run

    return int(run(words) or 0)


def need_secret() -> None:
    """The web signs sessions with it, and both find numbers on the stop list by it."""
    need_servers()
    env.require_secret_key()


def refuse_mistakes() -> None:
    """Have a mistake in the settings end a process of a container; in a stack the setup does."""
    start_django()
    if not is_supervised():
        from vestnik.stack import setup

        setup.refuse_mistakes()


def need_database(*, strict: bool = True) -> None:
    """Have Django, and an answer from the database, or an error at once and not from a pool."""
    start_django(strict=strict)
    if strict:
        from vestnik.stack import wait_for

        wait_for.for_connection(seconds=0)


def start_django(*, strict: bool = True) -> None:
    """Have Django and the default Celery application in this process."""
    need_servers(strict=strict)
    import django

    import vestnik.celery  # noqa: F401  (hints are published by the default application)

    django.setup()


def need_servers(*, strict: bool = True) -> None:
    """Take the addresses of the stack that runs on this home, where none are configured."""
    from vestnik.stack import home

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")
    found = home.running(env.home()).get("environ", {})
    configured = {
        "DATABASE_URL": env.database_url(),
        "REDIS_URL": env.redis_url(),
        "SECRET_KEY": env.text("SECRET_KEY"),
    }
    os.environ.update({name: found.get(name, "") for name, own in configured.items() if not own})
    if strict and not env.database_url():
        raise StackError(NO_STACK)

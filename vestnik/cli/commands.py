"""The commands that do not run a single process of the service."""

import argparse
from collections.abc import Sequence

from vestnik.cli.startup import need_database, start_django

#: Commands of `vestnik manage` that run without a database.
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


def up(options: argparse.Namespace) -> None:
    """Run `vestnik up`."""
    from vestnik.stack.up import up as run

    run(demo=not options.no_demo)


def setup(options: argparse.Namespace) -> None:
    """Run `vestnik setup`."""
    start_django()
    from vestnik.stack.setup import set_up

    set_up(demo=options.demo, seconds=options.wait)


def upgrade_database(options: argparse.Namespace) -> None:
    """Run `vestnik upgrade-database`."""
    from vestnik.stack.servers.upgrade import upgrade_database as run

    run(options.programs.absolute())


def doctor(_options: argparse.Namespace) -> int:
    """Print a line for each check. Return the exit status."""
    start_django()
    from vestnik.stack.doctor import examine

    findings = list(examine())
    for finding in findings:
        print(finding)
    return int(not all(finding.is_well for finding in findings))


def create_key(options: argparse.Namespace) -> None:
    """Run `vestnik apikey create`."""
    need_database()
    from django.db import transaction

    from vestnik.access.models import ApiKey

    # A key that could not be printed is not created: it is stored as a hash, and cannot be shown
    # later.
    with transaction.atomic():
        _, key = ApiKey.objects.issue(name=options.name, role=options.role)
        print(key, flush=True)


def manage(words: Sequence[str]) -> int:
    """Run a command of Django."""
    need_database(strict=next(iter(words), "") not in WITHOUT_DATABASE)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["vestnik manage", *words])
    return 0


def sandbox(words: Sequence[str]) -> int:
    """Run `vestnik sandbox`."""
    from vestnik.sandbox import main as run

    return int(run(words) or 0)

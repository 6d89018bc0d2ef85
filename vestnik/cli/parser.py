"""The commands and their options."""

import argparse
from pathlib import Path

from vestnik.cli import commands, import_commands, processes

ABOUT = """\
Vestnik sends SMS mailings. Each starts by itself, reaches each client once and stops at its end.

  vestnik up                 run the whole service here: PostgreSQL, Valkey, web, workers
  vestnik apikey create      create an API key
  vestnik import FILE        import clients from a CSV or XLSX file
  vestnik sandbox            run a free test gateway for HTTP and SMPP
  vestnik doctor             check the database, Redis and clocks
  vestnik manage shell       run Django's commands against the running stack
"""
MORE = """\
Settings are environment variables, or lines of a file .env in the working directory; .env.example
lists them. In containers, run `vestnik setup` once, then `vestnik web`, `vestnik worker` and
`vestnik beat`, one process each, with DATABASE_URL, REDIS_URL and SECRET_KEY.
"""
#: The length of the column that stores the name of an API key.
LONGEST_KEY_NAME = 100


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands and their options."""
    root = argparse.ArgumentParser(
        prog="vestnik",
        description=ABOUT,
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _up(subparsers.add_parser("up", help="run everything on this machine until Ctrl-C"))
    _setup(subparsers.add_parser("setup", help="migrate; create an account in an empty database"))
    for name, run, about in (
        ("web", processes.web, "serve pages and API"),
        ("worker", processes.worker, "send messages"),
        ("beat", processes.beat, "run the scheduler alone; each worker runs one too"),
    ):
        subparsers.add_parser(name, help=f"one process: {about}").set_defaults(run=run)
    about = "check the database, Redis and clocks"
    subparsers.add_parser("doctor", help=about).set_defaults(run=commands.doctor)
    upgrade = subparsers.add_parser(
        "upgrade-database", help="convert the embedded database to this version's PostgreSQL"
    )
    upgrade.add_argument(
        "--programs",
        required=True,
        type=Path,
        help="folder of the old PostgreSQL programs",
    )
    upgrade.set_defaults(run=commands.upgrade_database)
    health = subparsers.add_parser("healthcheck", help="check the process of this container")
    health.add_argument("kind", choices=("web", "worker", "beat"))
    health.set_defaults(run=processes.healthcheck)
    _apikey(subparsers.add_parser("apikey", help="create API keys"))
    import_commands.add_import_options(
        subparsers.add_parser("import", help="import clients from a CSV or XLSX file")
    )
    numbering = "load the regulator's numbering register, which maps numbers to time zones"
    import_commands.add_numbering_options(subparsers.add_parser("import-numbering", help=numbering))
    subparsers.add_parser("sandbox", help="run a test gateway for HTTP and SMPP")
    subparsers.add_parser("manage", help="run Django's commands: `vestnik manage help`")
    return root


def _up(command: argparse.ArgumentParser) -> None:
    command.add_argument("--no-demo", action="store_true", help="create no sample data")
    command.set_defaults(run=commands.up)


def _setup(command: argparse.ArgumentParser) -> None:
    command.add_argument("--demo", action="store_true", help="create a sample audience and mailing")
    command.add_argument(
        "--wait", type=float, default=60.0, help="seconds to wait for the database (%(default)s)"
    )
    command.set_defaults(run=commands.setup)


def _apikey(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="create a key; it is printed once, on the last line")
    create.add_argument(
        "--name", required=True, type=_key_name, help="name of the key in the list of keys"
    )
    create.add_argument("--role", required=True, choices=("viewer", "operator", "admin"))
    create.set_defaults(run=commands.create_key)


def _key_name(text: str) -> str:
    """Return a name of 1 to 100 printable characters. Raises ArgumentTypeError."""
    name = text.strip()
    if not 0 < len(name) <= LONGEST_KEY_NAME or not name.isprintable():
        raise argparse.ArgumentTypeError(f"give 1 to {LONGEST_KEY_NAME} printable characters")
    return name

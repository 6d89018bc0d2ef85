"""`vestnik import` and `vestnik import-numbering`: files into the database, from the terminal."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vestnik.stack.errors import StackError

if TYPE_CHECKING:  # Django is not set up yet where this module is loaded
    from vestnik.audience.imports import Import

COUNTS = ("created", "updated", "unchanged", "duplicates", "refused")
SOME_REFUSED = 3
ABOUT = """\
Clients from a CSV or XLSX file, all of them or, where it is stopped in the middle, none. Each
refused row is named by its line and the reason. The exit status is 0 when the file was taken
over, 1 when nothing was, and with --strict 3 when some rows were refused.
"""


def add_import(command: argparse.ArgumentParser) -> None:
    """The options of `vestnik import`."""
    command.description = ABOUT
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=Path, help="CSV or XLSX, its first row the header")
    what.add_argument("--stored", type=int, help=argparse.SUPPRESS)
    command.add_argument("--encoding", default="", choices=("utf-8", "cp1251", "utf-16"))
    command.add_argument("--separator", default="", choices=("comma", "semicolon", "tab", "pipe"))
    command.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="what a column is: phone_number, operator_code, tag, timezone, the name of an "
        "attribute, or nothing to leave it out; the column by its name or its number",
    )
    command.add_argument(
        "--stop-list", action="store_true", help="numbers that must never be sent to"
    )
    command.add_argument("--strict", action="store_true", help="fail where a row was refused")
    command.set_defaults(run=import_file)


def add_numbering(command: argparse.ArgumentParser) -> None:
    """The options of `vestnik import-numbering`."""
    command.description = "The regulator's numbering register: it tells time zones of numbers."
    command.add_argument("file", type=Path, help="DEF-9xx.csv of opendata.digital.gov.ru")
    command.set_defaults(run=import_numbering)


def import_file(options: argparse.Namespace) -> int:
    """`vestnik import`."""
    from vestnik.cli import need_database

    need_database()
    return read_stored(options.stored) if options.stored else read_file(options)


def read_stored(import_id: int) -> int:
    """What a worker starts for a file that was uploaded. It ends with the worker."""
    from vestnik.audience.importing import stored
    from vestnik.stack.linux import die_with_parent

    if sys.platform == "linux":
        die_with_parent()
    stored.read(import_id)
    return 0


def read_file(options: argparse.Namespace) -> int:
    """Read a file of this machine, showing how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from vestnik.audience.importing import run, stored
    from vestnik.audience.imports import Import

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    stored.forget_old()
    with options.file.open("rb") as file:
        job = Import.objects.create(
            file_name=options.file.name[:255],
            size=options.file.stat().st_size,
            stored=False,
            actor="command",
            into="stop_list" if options.stop_list else "clients",
            options=how_to_read(options),
        )
        shown = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
        with run.alone(job.id), shown:
            bar = shown.add_task("0 rows", total=100)

            def watch(rows: int, percent: int) -> None:
                shown.update(bar, completed=percent, description=f"{rows:,} rows")

            run.run(job, file, watch)
    return say(job, strict=options.strict)


def how_to_read(options: argparse.Namespace) -> dict[str, object]:
    """The options as they are kept with the import."""
    from vestnik.audience.importing.formats import SEPARATORS

    pairs = [pair.partition("=") for pair in options.map]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise StackError(f"--map {wrong[0]}: write COLUMN=FIELD, for example Телефон=phone_number")
    return {
        "encoding": options.encoding,
        "separator": SEPARATORS.get(options.separator, ""),
        "mapping": {name: field for name, _, field in pairs},
    }


def say(job: "Import", *, strict: bool) -> int:
    """What became of the file; the exit status."""
    if job.error:
        raise StackError(f"{job.file_name}: {job.error} Nothing was taken.")
    rows = job.refused_rows.order_by("line").values_list("line", "reason")
    for line, reason in rows.iterator(chunk_size=2000):
        print(f"line {line}: {reason}")  # noqa: T201
    counts = ", ".join(f"{getattr(job, name)} {name}" for name in COUNTS)
    print(f"{job.file_name}: {job.rows} rows: {counts}")  # noqa: T201
    return SOME_REFUSED if strict and (job.refused or job.duplicates) else 0


def import_numbering(options: argparse.Namespace) -> int:
    """`vestnik import-numbering`."""
    from vestnik.cli import need_database

    need_database()
    from vestnik.audience import numbering
    from vestnik.audience.importing.errors import FileProblem

    try:
        with options.file.open("rb") as file:
            taken, skipped = numbering.replace(file)
    except FileProblem as error:
        raise StackError(f"{options.file}: {error}") from None
    print(f"{options.file.name}: {taken} ranges taken, {skipped} rows skipped")  # noqa: T201
    return 0

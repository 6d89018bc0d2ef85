"""`vestnik import` and `vestnik import-numbering`: files into the database, from the terminal."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vestnik.stack.errors import StackError

if TYPE_CHECKING:  # Django is not set up yet where this module is loaded
    from vestnik.audience.imports import Import

ENCODINGS = ("utf-8", "cp1251", "utf-16", "cp866", "koi8-r", "mac-cyrillic")
COUNTS = ("created", "updated", "unchanged", "duplicates", "refused")
SWITCHES = ("numbers_without_code", "numbers_without_sms")
SOME_REFUSED = 3
#: Of CPU and of address space, for a worker's child that reads a file.
MOST_SECONDS, MOST_MEMORY = 3600, 2 * 2**30
#: Where the database could not be asked any more.
UNSURE = "It was stopped. The list of imports says whether it was taken."
ABOUT = """\
Clients from a CSV or XLSX file, all of them or, where it is stopped in the middle, none. Each
refused row is named by its line and the reason. The exit status is 0 when the file was taken
over, 1 when nothing was, and with --strict 3 when some rows were refused.
"""


def add_import(command: argparse.ArgumentParser) -> None:
    """The options of `vestnik import`."""
    command.description = ABOUT
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=Path, help="CSV or XLSX, with a header")
    what.add_argument("--stored", type=int, help=argparse.SUPPRESS)
    command.add_argument("--encoding", default="", choices=ENCODINGS)
    command.add_argument("--separator", default="", choices=("comma", "semicolon", "tab", "pipe"))
    command.add_argument("--sheet", default="", help="which sheet of a workbook is read, by name")
    command.add_argument(
        "--header-line",
        type=int,
        metavar="LINE",
        help="the line of the header, where it is not found; 0 where the file has none",
    )
    command.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="what a column is: phone_number, operator_code, tag, timezone, the name of an "
        "attribute, or nothing to leave it out; the column by its name or its number",
    )
    command.add_argument(
        "--numbers-without-code",
        default="",
        choices=("complete", "refuse"),
        help="numbers without +7: complete those that can only be one number, or refuse them",
    )
    command.add_argument(
        "--numbers-without-sms",
        default="",
        choices=("accept", "refuse"),
        help="landline and toll-free numbers: keep them, never to be sent to, or refuse them; "
        "else as NUMBERS_WITHOUT_SMS says",
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
    from vestnik.db import sessions

    need_database()
    sessions.limit()
    return read_stored(options.stored) if options.stored else read_file(options)


def read_stored(import_id: int) -> int:
    """What a worker starts for a file that was uploaded. It ends with the worker."""
    from vestnik.audience.importing import limits, stored
    from vestnik.stack.processes.linux import die_with_parent

    if sys.platform == "linux":
        die_with_parent()
    limits.hold_to(MOST_SECONDS, MOST_MEMORY)
    stored.read(import_id)
    return 0


def read_file(options: argparse.Namespace) -> int:
    """Read a file of this machine. Where Ctrl-C stops it, it says what was taken by then."""
    from vestnik.audience.importing.run import STOPPED
    from vestnik.interrupts import interruptible

    begun: list[Import] = []
    try:
        with interruptible():
            read_showing(options, begun)
    except KeyboardInterrupt:
        if not begun:
            raise StackError(f"{options.file.name}: {STOPPED}") from None
        begun[0].refresh_from_db()
    return say(begun[0], strict=options.strict)


def read_showing(options: argparse.Namespace, begun: "list[Import]") -> None:
    """Read the file, showing how far it is; `begun` gets the import."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from vestnik.audience.importing import run, stored

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    stored.forget_old()
    shown = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    with options.file.open("rb") as file, run.begun(**fields_of(options)) as job, shown:
        begun.append(job)
        bar = shown.add_task("0 rows", total=100)

        def watch(rows: int, percent: int) -> None:
            shown.update(bar, completed=percent, description=f"{rows:,} rows")

        run.run(job, file, watch)


def fields_of(options: argparse.Namespace) -> dict[str, object]:
    """The import as it is begun."""
    return {
        "file_name": options.file.name[:255],
        "size": options.file.stat().st_size,
        "actor": "command",
        "into": "stop_list" if options.stop_list else "clients",
        "options": how_to_read(options),
    }


def how_to_read(options: argparse.Namespace) -> dict[str, object]:
    """The options as they are kept with the import."""
    from vestnik.audience.importing.formats import SEPARATORS

    pairs = [pair.partition("=") for pair in options.map]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise StackError(f"--map {wrong[0]}: write COLUMN=FIELD, for example Телефон=phone_number")
    reading = {
        "encoding": options.encoding,
        "separator": SEPARATORS.get(options.separator, ""),
        "mapping": {name: field for name, _, field in pairs},
    }
    reading |= {name: value for name in SWITCHES if (value := getattr(options, name))}
    if options.sheet:
        reading["sheet"] = options.sheet
    if options.header_line is not None:
        reading["header_line"] = options.header_line
    return reading


def say(job: "Import", *, strict: bool) -> int:
    """What became of the file; the exit status."""
    if job.state != "done":
        taken = "" if not job.error or "Nothing was taken" in job.error else " Nothing was taken."
        raise StackError(f"{job.file_name}: {job.error or UNSURE}{taken}")
    rows = job.refused_rows.order_by("line").values_list("line", "reason")
    for line, reason in rows.iterator(chunk_size=2000):
        print(f"line {line}: {reason}")  # noqa: T201
    counts = ", ".join(f"{getattr(job, name)} {name}" for name in COUNTS)
    print(f"{job.file_name}: {job.rows} rows: {counts}")  # noqa: T201
    if job.without_sms:
        print(f"{job.without_sms} landline or toll-free numbers get no SMS")  # noqa: T201
    if job.misfits:
        tell_misfits(job)
    if unread := job.read_as.get("unread_sheets"):
        print(f"sheets that were not read: {', '.join(unread)}")  # noqa: T201
    return SOME_REFUSED if strict and (job.refused or job.duplicates) else 0


def tell_misfits(job: "Import") -> None:
    """What was imported as a text, for it is not of the type that its column seems to be."""
    print(f"{job.misfits} values do not fit the type of their column and stay texts")  # noqa: T201
    for remark in job.remarks:
        print(f"line {remark['line']}: {remark['reason']}")  # noqa: T201


def import_numbering(options: argparse.Namespace) -> int:
    """`vestnik import-numbering`."""
    from vestnik.cli import need_database

    need_database()
    from vestnik.audience.importing.errors import FileProblem
    from vestnik.audience.numbering import register

    try:
        with options.file.open("rb") as file:
            taken, skipped = register.replace(file)
    except FileProblem as error:
        raise StackError(f"{options.file}: {error}") from None
    print(f"{options.file.name}: {taken} ranges taken, {skipped} rows skipped")  # noqa: T201
    return 0

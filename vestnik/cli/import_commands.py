"""`vestnik import` and `vestnik import-numbering`."""

import argparse
import sys
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from vestnik.cli.startup import need_database
from vestnik.stack.errors import StackError

if TYPE_CHECKING:  # Django is not set up yet when this module is imported
    from vestnik.audience.imports import Import
    from vestnik.cli.interrupts import Interrupts

ENCODINGS = ("utf-8", "cp1251", "utf-16", "cp866", "koi8-r", "mac-cyrillic")
COUNTS = ("created", "updated", "unchanged", "duplicates", "refused")
SWITCHES = ("numbers_without_code", "numbers_without_sms")
#: The exit status with --strict if rows were refused.
SOME_REFUSED = 3
#: CPU seconds and bytes of address space of the child process that reads an uploaded file.
MOST_SECONDS, MOST_MEMORY = 3600, 2 * 2**30
#: The message if the database stopped answering, so the result is unknown.
UNSURE = "The import was stopped. The list of imports shows whether it was completed."
ABOUT = """\
Import clients from a CSV or XLSX file: all accepted rows, or none if it is stopped midway. Each
refused row is printed with its line number and the reason. The exit status is 0 if the file was
imported, 1 if it was not, and with --strict 3 if rows were refused.
"""


def add_import_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `vestnik import`."""
    command.description = ABOUT
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="CSV or XLSX file")
    source.add_argument("--stored", type=int, help=argparse.SUPPRESS)
    command.add_argument("--encoding", default="", choices=ENCODINGS)
    command.add_argument("--separator", default="", choices=("comma", "semicolon", "tab", "pipe"))
    command.add_argument("--sheet", default="", help="name of the sheet to read")
    command.add_argument(
        "--header-line",
        type=int,
        metavar="LINE",
        help="line number of the header if it is not detected; 0 if there is none",
    )
    command.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="meaning of a column, given by name or number: phone_number, operator_code, tag, "
        "timezone, the name of an attribute, or empty to leave the column out",
    )
    command.add_argument(
        "--numbers-without-code",
        default="",
        choices=("complete", "refuse"),
        help="numbers without +7: complete the unambiguous ones, or refuse them",
    )
    command.add_argument(
        "--numbers-without-sms",
        default="",
        choices=("accept", "refuse"),
        help="landline and toll-free numbers: keep them without ever sending to them, or refuse "
        "them (default: NUMBERS_WITHOUT_SMS)",
    )
    command.add_argument(
        "--stop-list", action="store_true", help="import the numbers into the stop list"
    )
    command.add_argument("--strict", action="store_true", help="exit with 3 if a row was refused")
    command.set_defaults(run=import_file)


def add_numbering_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `vestnik import-numbering`."""
    command.description = "Load the regulator's numbering register: the time zones of numbers."
    command.add_argument("file", type=Path, help="DEF-9xx.csv of opendata.digital.gov.ru")
    command.set_defaults(run=import_numbering)


def import_file(options: argparse.Namespace) -> int:
    """Run `vestnik import`."""
    from vestnik.db import sessions

    need_database()
    sessions.limit()
    return _read_stored(options.stored) if options.stored else _read_file(options)


def _read_stored(import_id: int) -> int:
    """Read an uploaded file as the child of a worker. The process ends with the worker."""
    from vestnik.audience.importing import limits, stored
    from vestnik.stack.processes.linux import die_with_parent

    if sys.platform == "linux":
        die_with_parent()
    limits.set_limits(MOST_SECONDS, MOST_MEMORY)
    stored.read(import_id)
    return 0


def _read_file(options: argparse.Namespace) -> int:
    """Read a local file. After Ctrl-C, report whether the file was imported."""
    from vestnik.audience.importing.run import STOPPED
    from vestnik.cli.interrupts import noted

    begun: list[Import] = []
    with noted() as interrupts:
        try:
            _read_with_progress(options, begun, interrupts)
        except KeyboardInterrupt:
            if not begun:
                raise StackError(f"{options.file.name}: {STOPPED}") from None
            begun[0].refresh_from_db()
        return print_result(begun[0], strict=options.strict, interrupts=interrupts)


def _read_with_progress(
    options: argparse.Namespace, begun: "list[Import]", interrupts: "Interrupts"
) -> None:
    """Read the file with a progress bar. Append the import to `begun`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from vestnik.audience.importing import run, stored
    from vestnik.cli.watched_file import WatchedFile
    from vestnik.db.cancel import statement_canceller

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    progress = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    with interrupts.work(statement_canceller()):
        stored.forget_old()
    raw = WatchedFile(options.file, interrupts.check)
    with BufferedReader(raw) as file, run.begun(**_import_fields(options)) as job, progress:
        begun.append(job)
        bar = progress.add_task("0 rows", total=100)

        def watch(rows: int, percent: int) -> None:
            interrupts.check()
            progress.update(bar, completed=percent, description=f"{rows:,} rows")

        with interrupts.work(statement_canceller()):
            run.run(job, file, watch)


def _import_fields(options: argparse.Namespace) -> dict[str, object]:
    """Return the fields of a new import."""
    return {
        "file_name": options.file.name[:255],
        "size": options.file.stat().st_size,
        "actor": "command",
        "into": "stop_list" if options.stop_list else "clients",
        "options": _reading_options(options),
    }


def _reading_options(options: argparse.Namespace) -> dict[str, object]:
    """Return the options as the import stores them. Raises StackError."""
    from vestnik.audience.importing.formats import SEPARATORS

    pairs = [pair.partition("=") for pair in options.map]
    malformed = [name for name, equals, _ in pairs if not equals]
    if malformed:
        raise StackError(
            f"--map {malformed[0]}: write COLUMN=FIELD, for example Телефон=phone_number"
        )
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


def print_result(job: "Import", *, strict: bool, interrupts: "Interrupts | None" = None) -> int:
    """Print the result of the import. Return the exit status.

    Ctrl-C ends the list of refused rows; the counts are printed nevertheless.
    """
    if job.state != "done":
        raise StackError(f"{job.file_name}: {_why(job)}")
    rows = job.refused_rows.order_by("line").values_list("line", "reason")
    for line, reason in rows.iterator(chunk_size=2000):
        if interrupts and interrupts.requested:
            break
        print(f"line {line}: {reason}")
    counts = ", ".join(f"{getattr(job, name)} {name}" for name in COUNTS)
    print(f"{job.file_name}: {job.rows} rows: {counts}")
    if job.without_sms:
        print(f"{job.without_sms} landline or toll-free numbers get no SMS")
    if job.misfits:
        _print_misfits(job)
    if unread := job.read_as.get("unread_sheets"):
        print(f"sheets that were not read: {', '.join(unread)}")
    return SOME_REFUSED if strict and (job.refused or job.duplicates) else 0


def _why(job: "Import") -> str:
    """Return why the import failed, and that nothing was imported unless the reason says so."""
    from vestnik.reasons.codes import Code

    why = job.why
    if why is None or why.code in (Code.IMPORT_STOPPED, Code.IMPORT_GIVEN_UP):
        return why or UNSURE
    return f"{why} Nothing was imported."


def _print_misfits(job: "Import") -> None:
    """Print the values that do not fit the type of their column. They were stored as text."""
    print(f"{job.misfits} values do not fit the type of their column and are stored as text")
    for remark in job.remarks:
        print(f"line {remark['line']}: {remark['reason']}")


def import_numbering(options: argparse.Namespace) -> int:
    """Run `vestnik import-numbering`."""
    need_database()
    from vestnik.audience.importing.errors import FileProblem
    from vestnik.audience.numbering import register

    try:
        with options.file.open("rb") as file:
            taken, skipped = register.replace(file)
    except FileProblem as error:
        raise StackError(f"{options.file}: {error}") from None
    print(f"{options.file.name}: {taken} ranges loaded, {skipped} rows skipped")
    return 0

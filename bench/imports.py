"""The import of 1,000,000 clients from a file, against bare COPY of the same rows; time and
memory."""

import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.memory import anonymous
from bench.report import Report
from tests.audience.sheets import write
from tests.stack.running import RunningStack

REPEATS = 3
HEADER = ("Телефон", "Тег", "Часовой пояс", "Имя", "Город")
NAMES = ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Захар")
CITIES = ("Москва", "Казань", "Омск", "Самара", "Пермь", "Томск", "Чита", "Уфа")
BARE = """
DROP TABLE IF EXISTS bare_client;
CREATE TABLE bare_client (LIKE audience_client INCLUDING ALL);
"""
COLUMNS = "(id, phone_number, operator_code, tag, timezone, attributes)"
COPY_IN = f"COPY bare_client {COLUMNS} FROM STDIN"


def people(count: int) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield `count` clients with unordered numbers."""
    dice = random.Random(6)
    numbers = list(range(count))
    dice.shuffle(numbers)
    for n in numbers:
        name = f"{NAMES[n % 8]} {n}"
        yield str(79000000000 + n), f"tag{n % 5}", "Europe/Moscow", name, CITIES[n // 8 % 8]


def write_csv(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(";".join(HEADER) + "\n")
        file.writelines(";".join(row) + "\n" for row in people(count))


def write_xlsx(path: Path, count: int) -> None:
    def rows() -> Iterator[tuple[str, ...]]:
        yield HEADER
        yield from people(count)

    write(path, rows())


class Peak(threading.Thread):
    """Return the peak of a process's anonymous memory."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self.mib = pid, 0.0

    def run(self) -> None:
        while now := anonymous(self._pid):
            self.mib = max(self.mib, now)
            time.sleep(0.02)


def imported(stack: RunningStack, path: Path, count: int) -> tuple[float, float]:
    """Return the seconds and MiB of `vestnik import` into an empty database."""
    stack.sql("TRUNCATE audience_client")
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "vestnik", "import", path],
        env=stack.environ | stack.state["environ"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peak = Peak(process.pid)
    peak.start()
    said, _ = process.communicate(timeout=600)
    took = time.perf_counter() - began
    peak.join()
    assert f"{count} created" in said, said
    return took, peak.mib


def copied(stack: RunningStack, rows: Path) -> float:
    """Return the seconds of COPY of the same rows, in the file's order, into a table with all
    indexes."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(BARE)
        began = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(COPY_IN) as copy, rows.open("rb") as file:
            while piece := file.read(2**16):
                copy.write(piece)
        took = time.perf_counter() - began
        connection.execute("DROP TABLE bare_client")
    return took


def keep_rows(stack: RunningStack, path: Path) -> None:
    """Store the imported rows in the random order of the file."""
    columns = "id, phone_number, operator_code, tag, timezone, attributes"
    query = (
        f"COPY (SELECT {columns} FROM audience_client ORDER BY hashtext(phone_number)) TO STDOUT"
    )
    with (
        psycopg.connect(stack.database_url) as connection,
        path.open("wb") as file,
        connection.cursor().copy(query) as copy,
    ):
        for piece in copy:
            file.write(piece)


def imports(stack: RunningStack, report: Report, scale: float) -> None:
    """Measure CSV against COPY, and the memory of both formats."""
    count = int(1_000_000 * scale)
    with TemporaryDirectory() as folder:
        table, sheet, rows = (Path(folder, name) for name in ("a.csv", "a.xlsx", "rows"))
        write_csv(table, count)
        write_xlsx(sheet, count)
        runs: list[tuple[float, float]] = []
        bare: list[float] = []
        for _ in range(REPEATS):
            runs.append(imported(stack, table, count))
            keep_rows(stack, rows)
            bare.append(copied(stack, rows))
        seconds, mib = imported(stack, sheet, count)
        size = table.stat().st_size / 2**20
    took, copy = statistics.median(run[0] for run in runs), statistics.median(bare)
    csv_mib = max(run[1] for run in runs)
    report.table(
        f"{count:,} clients from a file ({size:.0f} MiB as CSV) into an empty directory",
        ["shape", "seconds", "peak anonymous MiB"],
        [
            ["vestnik import, CSV", f"{took:.1f}", f"{csv_mib:.0f}"],
            ["vestnik import, XLSX with shared strings", f"{seconds:.1f}", f"{mib:.0f}"],
            ["bare COPY of the same rows, same indexes", f"{copy:.1f}", ""],
        ],
    )
    report.figure("import_csv_vs_copy", copy / took)
    report.figure("import_csv_mib", csv_mib)
    report.figure("import_xlsx_mib", mib)

"""XLSX files that are made to burst their reader are refused in no time and little memory."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.audience.sheets import HEAD, MAIN, write_parts

#: Seconds of computing, as others compute beside it.
MOST_SECONDS, MOST_MIB = 5, 300
READ = """
import re, sys, time
from vestnik.audience.importing.xlsx import workbook
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.row_types import Progress
began = time.process_time()
try:
    with open(sys.argv[1], "rb") as file:
        print(sum(1 for _ in workbook.rows(file, Progress())), "rows")
except FileProblem as error:
    print(error)
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
print(time.process_time() - began, int(peak[1]) / 1024)
"""
SHEET = f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'
ROW = '<row r="1"><c r="A1" t="inlineStr"><is><t>{}</t></is></c></row>'
TAIL = "</sheetData></worksheet>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def nested() -> bytes:
    inner = b"\0" * 10_000_000
    for _ in range(4):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(10):
                archive.writestr(f"{n}.zip", inner)
        inner = packed.getvalue()
    return inner


def blanks() -> bytes:
    return b" " * (300 * 2**20)


def parts(**given: bytes | str) -> bytes:
    target = io.BytesIO()
    write_parts(target, **given)
    return target.getvalue()


def crowded() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for n in range(100_000):
            archive.writestr(str(n), b"")
    return target.getvalue()


def with_dtd(dtd: str, text: str) -> bytes:
    head = '<?xml version="1.0"?>\n'
    return parts(sheet=f"{head}<!DOCTYPE x [{dtd}]>{SHEET[len(HEAD):]}{ROW.format(text)}{TAIL}")


BOMBS = {
    "a nested zip": (nested, "no XLSX file"),
    "a hundred thousand parts": (crowded, "unpacks to far more"),
    "a billion rows": (
        lambda: parts(sheet=f'{SHEET}<row r="1000000000"><c><v>1</v></c></row>{TAIL}'),
        "beyond line 1,048,576",
    ),
    "too many columns": (
        lambda: parts(sheet=f'{SHEET}<row r="1"><c r="XFD1"><v>1</v></c></row>{TAIL}'),
        "more than 256 columns",
    ),
    "300 MiB of blanks": (lambda: parts(sheet=SHEET.encode() + blanks()), "unpacks to far more"),
    "300 MiB of a string": (
        lambda: parts(sheet=SHEET + TAIL, strings=b"<sst><si><t>" + blanks()),
        "unpacks to far more",
    ),
    "a large cell": (
        lambda: parts(sheet=SHEET + ROW.format("x" * 2**20) + TAIL),
        "a cell of more than 64 KiB",
    ),
    "deep elements": (lambda: parts(sheet=SHEET + "<x>" * 1_000_000), "damaged"),
    "a billion laughs": (lambda: with_dtd(f'<!ENTITY l0 "ha">{LAUGHS}', "&l9;"), "document type"),
    "an external entity": (
        lambda: with_dtd('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"),
        "document type",
    ),
    "cut short": (lambda: parts(sheet=SHEET + TAIL)[:-30], "damaged"),
    "no XML": (lambda: parts(sheet=b"\0\1\2"), "damaged"),
    "a row that goes back": (
        lambda: parts(
            sheet=f'{SHEET}<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>{TAIL}'
        ),
        "damaged",
    ),
    "a string that is not there": (
        lambda: parts(sheet=f'{SHEET}<row r="1"><c r="A1" t="s"><v>9</v></c></row>{TAIL}'),
        "damaged",
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(case: str, tmp_path: Path):
    make, words = BOMBS[case]
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(make())

    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True
    )

    said, figures = done.stdout.splitlines()
    seconds, mib = map(float, figures.split())
    assert words in said
    assert (seconds < MOST_SECONDS, mib < MOST_MIB) == (True, True), figures


def test_a_billion_rows_that_are_only_declared_do_no_harm(tmp_path: Path):
    path = tmp_path / "declared.xlsx"
    dimension = '<dimension ref="A1:XFD1000000000"/>'
    path.write_bytes(parts(sheet=SHEET.replace("<sheetData>", dimension + "<sheetData>") + TAIL))
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("0 rows")

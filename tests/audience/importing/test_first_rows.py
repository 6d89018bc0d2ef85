"""A file that is made to burst its reader holds no thread of the web: a process of its own reads
its first rows, held to some seconds and some memory."""

import contextlib
import io
import random
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.audience.sheets import HEAD, MAIN, write_parts
from vestnik.audience.importing import first_rows, peek
from vestnik.audience.importing.columns.header_row import LOOKED_AT
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress, index_in
from vestnik.audience.importing.xlsx import workbook

SHEET = f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'
TAIL = "</sheetData></worksheet>"
MANY = "9" * 5_000


def parts(**given: bytes | str) -> io.BytesIO:
    target = io.BytesIO()
    write_parts(target, **given)
    return target


def crowded() -> io.BytesIO:
    """The file of the report: 1.2 MB, of which 150 MB are empty elements."""
    sheet = f'{SHEET}<row r="1"><c r="A1" t="s"><v>0</v></c></row>{TAIL}'
    target = parts(sheet=sheet)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        elements = b"".join(b"<a/>" * 400 + b"<b%d/>" % (n * n) for n in range(90_000))
        archive.writestr("xl/sharedStrings.xml", b"<sst>" + elements)
    assert 1_000_000 < len(target.getvalue()) < 1_800_000
    return target


def test_a_file_that_takes_long_to_read_is_refused_by_then(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peek, "COMMAND", [*peek.COMMAND[:1], "-c", SHORT])
    file = crowded()
    ours, began = time.thread_time(), time.monotonic()

    with pytest.raises(FileProblem, match="more time or memory"):
        peek.peek(file, Options())

    assert time.thread_time() - ours < 1
    assert time.monotonic() - began < peek.MOST_SECONDS + 1


SHORT = """
from vestnik.audience.importing import first_rows
first_rows.SECONDS = 1
first_rows.main()
"""
LARGE = """
from vestnik.audience.importing import first_rows
first_rows.MEMORY = 72 * 2**20
first_rows.main()
"""
STUCK = "import time; time.sleep(60)"
GONE = "raise SystemExit(1)"
FLOODING = "import sys\nwhile True: sys.stdout.write('x' * 2**16)"


@pytest.mark.parametrize("program", [STUCK, GONE, FLOODING])
def test_a_reader_that_does_not_answer_is_given_up(program: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peek, "COMMAND", [sys.executable, "-c", program])
    monkeypatch.setattr(peek, "MOST_SECONDS", 2)
    began = time.monotonic()
    with pytest.raises(FileProblem, match="more time or memory"):
        peek.peek(io.BytesIO(b"phone\n79261234567\n"), Options())
    assert time.monotonic() - began < 10


def test_a_file_that_takes_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peek, "COMMAND", [sys.executable, "-c", LARGE])
    letters = random.Random(1).randbytes(1_000).hex()
    texts = "".join(f"<si><t>{letters}{n}</t></si>" for n in range(40_000))
    sheet = f'{SHEET}<row r="1"><c r="A1" t="s"><v>39999</v></c></row>{TAIL}'
    strings = f"<sst>{texts}</sst>"
    with pytest.raises(FileProblem, match="more time or memory"):
        peek.peek(parts(sheet=sheet, strings=strings), Options())


def test_more_files_at_once_wait_and_are_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peek, "MOST_SECONDS", 0.1)
    for _ in range(peek.AT_ONCE):
        peek.PLACES.acquire()
    try:
        with pytest.raises(FileProblem, match="try again in a minute"):
            peek.peek(io.BytesIO(b"phone\n"), Options())
    finally:
        for _ in range(peek.AT_ONCE):
            peek.PLACES.release()


def test_what_is_looked_at_is_what_the_file_holds(tmp_path: Path):
    lines = [f"{79260000000 + n};имя {n}" for n in range(50_000)]
    content = ("Телефон;Имя\n" + "\n".join(lines)).encode("cp1251")
    (tmp_path / "a.csv").write_bytes(content)
    with (tmp_path / "a.csv").open("rb") as file:
        found = peek.peek(file, Options())
    assert (found.kind, found.encoding, found.separator) == ("csv", "cp1251", ";")
    assert found.table.names == ["Телефон", "Имя"]
    assert [cells for _, cells, _ in found.table.first] == [
        line.split(";") for line in lines[: LOOKED_AT - 1]
    ]


def test_an_answer_is_never_large():
    wide = "phone" + ";" + ";".join(["x" * 60_000] * 4) + "\n"
    rows = "79261234567;" + ";".join(["y" * 60_000] * 4) + "\n"
    found = peek.peek(io.BytesIO((wide + rows * 10).encode()), Options())
    longest = max(len(cell) for _, cells, _ in found.table.head for cell in cells)
    assert longest == first_rows.LONGEST_CELL


def test_no_more_of_the_texts_is_read_than_the_first_rows_need():
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{n}</v></c></row>' for n in range(1, 60_000))
    strings = "<sst>" + "".join(f"<si><t>{n:>200}</t></si>" for n in range(60_000)) + "</sst>"
    book = workbook.Workbook(parts(sheet=f"{SHEET}{rows}{TAIL}", strings=strings))
    found = book.rows(book.sheets[0], Progress())
    assert [next(found)[1][0].strip() for _ in range(3)] == ["1", "2", "3"]
    assert len(book.strings) < 10_000


HUGE = {
    "a shared string's number": {
        "sheet": f'{SHEET}<row r="1"><c r="A1" t="s"><v>{MANY}</v></c></row>{TAIL}',
        "strings": "<sst><si><t>x</t></si></sst>",
    },
    "a row's number": {"sheet": f'{SHEET}<row r="{MANY}"><c><v>1</v></c></row>{TAIL}'},
    "a cell's place": {"sheet": f'{SHEET}<row r="1"><c r="A{MANY}"><v>1</v></c></row>{TAIL}'},
    "a style": {"sheet": f'{SHEET}<row r="1"><c r="A1" s="{MANY}"><v>1</v></c></row>{TAIL}'},
    "a number": {"sheet": f'{SHEET}<row r="1"><c r="A1"><v>{MANY}</v></c></row>{TAIL}'},
    "a number's power": {"sheet": f'{SHEET}<row r="1"><c r="A1"><v>1E{MANY}</v></c></row>{TAIL}'},
    "a boolean": {"sheet": f'{SHEET}<row r="1"><c r="A1" t="b"><v>{MANY}</v></c></row>{TAIL}'},
    "a day": {
        "sheet": f'{SHEET}<row r="1"><c r="A1" s="1"><v>{MANY}</v></c></row>{TAIL}',
        "styles": '<styleSheet><cellXfs><xf/><xf numFmtId="14"/></cellXfs></styleSheet>',
    },
    "a format's number": {
        "sheet": f'{SHEET}<row r="1"><c r="A1" s="1"><v>1</v></c></row>{TAIL}',
        "styles": f'<styleSheet><numFmts><numFmt numFmtId="{MANY}" formatCode="dd"/></numFmts>'
        f'<cellXfs><xf numFmtId="0"/><xf numFmtId="{MANY}"/></cellXfs></styleSheet>',
    },
}


@pytest.mark.parametrize("case", HUGE)
def test_numbers_of_thousands_of_digits_are_read_or_refused_and_never_an_error(case: str):
    book = parts(**HUGE[case])
    with contextlib.suppress(FileProblem):
        assert len(list(workbook.rows(book, Progress()))) == 1


@pytest.mark.parametrize(
    ("written", "number"),
    [("0", 0), (" 12 ", 12), ("٣", None), ("²", None), ("1_0", None), ("-1", None), (MANY, None)],
)
def test_a_number_in_a_file_is_a_few_digits(written: str, number: int | None):
    assert index_in(written) == number

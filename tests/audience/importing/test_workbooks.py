"""Workbooks as other programs write them, and which of their sheets is read."""

import io
import zipfile

import pytest

from tests.audience.import_files import counts, refusals, take
from tests.audience.sheets import HEAD, LINKS, MAIN, PACKAGE, write
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import OpenedFile, open_file
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.models import Client
from vestnik.reports.files import table_writers

Sheets = list[tuple[str, str, list[list[str]]]]

HEADER = ["Телефон", "Имя"]
ANNA, BORIS = ["79261234567", "Анна"], ["79030000000", "Борис"]


def row(line: int, cells: list[str]) -> str:
    texts = "".join(
        f'<c r="{chr(65 + n)}{line}" t="inlineStr"><is><t xml:space="preserve">{cell}</t></is></c>'
        for n, cell in enumerate(cells)
    )
    return f'<row r="{line}">{texts}</row>'


def sheet(rows: str) -> str:
    return f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def packed(parts: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def book(sheets: Sheets) -> dict[str, str]:
    """The parts of a workbook of these sheets: their name, their state, and their rows."""
    names = "".join(
        f'<sheet name="{name}" sheetId="{n}" state="{state}" r:id="r{n}"/>'
        for n, (name, state, _) in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{LINKS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n, _ in enumerate(sheets, 1)
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}">'
        f"<sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
    }
    for n, (_, _, rows) in enumerate(sheets, 1):
        lines = "".join(row(line, cells) for line, cells in enumerate(rows, 1) if cells)
        parts[f"xl/worksheets/sheet{n}.xml"] = sheet(lines)
    return parts


def read(content: bytes, **options: object) -> OpenedFile:
    return open_file(io.BytesIO(content), Options(**options), Progress())


def cells(found: OpenedFile) -> list[list[str]]:
    return [cells for _, cells, _ in found.table.rows]


ONE = book([("Лист1", "visible", [HEADER, ANNA])])
RELATIONS = (
    f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a" Type="{LINKS}/officeDocument" '
    'Target="{}"/></Relationships>'
)


def renamed(change: "dict[str, str]") -> dict[str, str]:
    return {change.get(name, name): content for name, content in ONE.items()}


def moved() -> dict[str, str]:
    parts = {name.replace("xl/", "content/book/"): text for name, text in ONE.items()}
    return parts | {"_rels/.rels": RELATIONS.format("/content/book/workbook.xml")}


def absolute() -> dict[str, str]:
    name = "xl/_rels/workbook.xml.rels"
    return ONE | {name: ONE[name].replace('"worksheets/', '"/xl/worksheets/')}


def prefixed() -> dict[str, str]:
    def with_prefix(text: str) -> str:
        text = text.replace(HEAD, "").replace("xmlns=", "xmlns:x=")
        return text.replace("<", "<x:").replace("<x:/", "</x:")

    return {name: with_prefix(text) for name, text in ONE.items()} | {
        "[Content_Types].xml": '<ct:Types xmlns:ct="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><ct:Default Extension="xml" ContentType="application/xml"/></ct:Types>'
    }


def of_rows(rows: str) -> dict[str, str]:
    return ONE | {"xl/worksheets/sheet1.xml": sheet(rows)}


def styled_to_xfd() -> str:
    blanks = '<c r="C{0}" s="1"/><c r="IW{0}" s="1"/><c r="XFD{0}" s="1"><v></v></c></row>'
    return "".join(
        row(line, cells).replace("</row>", blanks.format(line))
        for line, cells in enumerate([HEADER, ANNA], 1)
    )


WRITTEN: dict[str, dict[str, str]] = {
    "plain": ONE,
    "backslashes in the names": {name.replace("/", "\\"): text for name, text in ONE.items()},
    "names in another case": {name.title(): text for name, text in ONE.items()},
    "parts elsewhere": moved(),
    "absolute names": absolute(),
    "prefixes": prefixed(),
    "styled empty cells out to XFD": of_rows(styled_to_xfd()),
    "a first row of one blank": of_rows(row(1, [" "]) + row(2, HEADER) + row(3, ANNA)),
    "a first row of a no-break space": of_rows(
        row(1, ["\u00a0\u200b"]) + row(2, HEADER) + row(3, ANNA)
    ),
    "a title": of_rows(row(1, ["Клиенты магазина"]) + row(3, HEADER) + row(4, ANNA)),
    "no places": of_rows(
        "<row><c t='inlineStr'><is><t>Телефон</t></is></c>"
        "<c t='inlineStr'><is><t>Имя</t></is></c></row>"
        "<row><c><v>79261234567</v></c><c t='inlineStr'><is><t>Анна</t></is></c></row>"
    ),
    "small letters in the places": of_rows(
        (row(1, HEADER) + row(2, ANNA)).replace('r="A', 'r="a').replace('r="B', 'r="b')
    ),
    "an empty first sheet": book(
        [("Пусто", "visible", []), ("Клиенты", "visible", [HEADER, ANNA])]
    ),
    "a hidden first sheet": book(
        [("Старые", "hidden", [HEADER, BORIS]), ("Клиенты", "visible", [HEADER, ANNA])]
    ),
    "a very hidden first sheet": book(
        [("Старые", "veryHidden", [HEADER, BORIS]), ("Клиенты", "visible", [HEADER, ANNA])]
    ),
    "a list of something else beside": book(
        [("Клиенты", "visible", [HEADER, ANNA]), ("Города", "visible", [["Город"], ["Омск"]])]
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_others_open_is_read(case: str):
    found = read(packed(WRITTEN[case]))
    assert (found.problem, found.table.names[:2], cells(found)) == ("", HEADER, [ANNA])


def test_an_archive_with_64_bit_lengths_is_read():
    content = packed(ONE)
    end = content.rindex(b"PK\x05\x06")
    parts, size, start = (
        content[end + 10 : end + 12],
        content[end + 12 : end + 16],
        content[end + 16 :],
    )
    record = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\0\x2d\0" + bytes(8)
    record += (parts + bytes(6)) * 2 + size + bytes(4) + start[:4] + bytes(4)
    locator = b"PK\x06\x07" + bytes(4) + end.to_bytes(8, "little") + b"\1\0\0\0"
    assert cells(read(content[:end] + record + locator + content[end:])) == [ANNA]


def test_headings_are_read_without_what_cannot_be_seen():
    odd = ["Номер\u00a0телефона", "Имя&#10;клиента", "Дата\u200b рождения"]
    content = packed(book([("A", "visible", [odd, ["79261234567", "Анна", "1990-01-01"]])]))
    job_columns = read(content).table.names
    assert job_columns == ["Номер\u00a0телефона", "Имя\nклиента", "Дата\u200b рождения"]


SEVERAL: dict[str, tuple[Sheets, list[str], str]] = {
    "one list in three sheets": (
        [
            ("1", "visible", [HEADER, ANNA]),
            ("2", "visible", [[*HEADER, ""], BORIS]),
            ("3", "visible", [["Продолжение"], HEADER, ["79040000000", "Вера"]]),
        ],
        ["79261234567", "79030000000", "79040000000"],
        "",
    ),
    "a hidden one does not go on": (
        [("1", "visible", [HEADER, ANNA]), ("2", "hidden", [HEADER, BORIS])],
        ["79261234567"],
        "",
    ),
    "two lists of clients": (
        [
            ("Москва", "visible", [HEADER, ANNA]),
            ("Омск", "visible", [["Имя", "Телефон"], BORIS[::-1]]),
        ],
        ["79261234567"],
        "Several sheets hold clients, under different headers: Москва, Омск.",
    ),
    "two lists without headers": (
        [("Москва", "visible", [ANNA]), ("Омск", "visible", [BORIS])],
        ["79261234567"],
        "Several sheets hold clients, under different headers: Москва, Омск.",
    ),
    "nothing that can be seen": (
        [("Видно", "visible", []), ("Тайно", "hidden", [HEADER, ANNA])],
        [],
        "Only hidden sheets of this file hold rows: Тайно.",
    ),
    "nothing at all": ([("1", "visible", []), ("2", "hidden", [])], [], ""),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_no_sheet_of_clients_is_passed_over_or_read_in_silence(case: str):
    sheets, numbers, problem = SEVERAL[case]
    found = read(packed(book(sheets)))
    assert [cells[0] for cells in cells(found)] == numbers
    assert found.problem.startswith(problem)
    assert bool(found.problem) == bool(problem)
    assert [sheet.name for sheet in found.sheets] == [name for name, _, _ in sheets]


@pytest.mark.parametrize("name", ["Москва", "Омск", "Тайно"])
def test_a_sheet_is_read_that_somebody_names(name: str):
    sheets: Sheets = [
        ("Москва", "visible", [HEADER, ANNA]),
        ("Омск", "visible", [["Кто", "Номер"], BORIS[::-1]]),
        ("Тайно", "hidden", [["Номер"], ["79040000000"]]),
    ]
    found = read(packed(book(sheets)), sheet=name)
    assert [sheet.name for sheet in found.sheets if sheet.is_read] == [name]
    wanted = {"Москва": [ANNA], "Омск": [BORIS[::-1]], "Тайно": [["79040000000"]]}
    assert (cells(found), found.problem) == (wanted[name], "")


def test_a_sheet_that_is_not_there_is_named():
    with pytest.raises(FileProblem, match=r"no sheet 'x'\. There are: Лист1"):
        read(packed(ONE), sheet="x")


def test_rows_that_go_back_are_damage():
    with pytest.raises(FileProblem, match="damaged"):
        cells(read(packed(of_rows(row(2, HEADER) + row(3, ANNA) + row(3, BORIS)))))


@pytest.mark.django_db
def test_an_export_beyond_one_sheet_comes_back_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(table_writers, "ROWS_OF_A_SHEET", 4)
    numbers = [str(79260000000 + n) for n in range(10)]
    rows = [["phone_number", "tag"], *([number, "a"] for number in numbers)]
    content = b"".join(table_writers.as_xlsx(rows))

    job = take(content)

    assert (job.error, counts(job)) == ("", {"rows": 10, "created": 10})
    assert job.read_as["sheets"] == ["Sheet1", "Sheet2", "Sheet3", "Sheet4"]


@pytest.mark.django_db
def test_a_refused_row_names_its_sheet():
    sheets: Sheets = [
        ("Первый", "visible", [HEADER, ANNA, ["x", "y"]]),
        ("Второй", "visible", [HEADER, BORIS, ["z", "y"], ANNA]),
    ]
    job = take(packed(book(sheets)))
    found = refusals(job)
    assert set(found) == {3, 6, 7}
    assert found[3].startswith("phone_number: ")
    assert found[6].startswith("Sheet Второй, line 3: phone_number: ")
    assert Client.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["two lists of clients", "nothing that can be seen"])
def test_a_workbook_that_has_to_be_chosen_from_is_not_imported(case: str):
    sheets, _, problem = SEVERAL[case]
    job = take(packed(book(sheets)))
    assert job.state == "failed"
    assert job.error.startswith(problem)
    named = take(packed(book(sheets)), options={"sheet": sheets[1][0]})
    assert (named.state, named.created) == ("done", 1)


def test_a_sheet_of_numbers_and_shared_texts_is_read_as_before():
    target = io.BytesIO()
    write(target, [["Телефон", "Имя"], [79261234567, "Анна"]])
    assert cells(read(target.getvalue())) == [ANNA]


@pytest.mark.django_db
def test_a_flag_of_a_sheet_is_a_flag():
    def of(line: int, number: int, flag: str) -> str:
        cells = f'<c><v>{number}</v></c><c t="b"><v>{flag}</v></c>'
        return f'<row r="{line}">{cells}</row>'

    rows = row(1, ["phone", "vip"]) + of(2, 79261110001, "1") + of(3, 79261110002, "0")
    take(packed(of_rows(rows)))
    found = Client.objects.order_by("phone_number").values_list("attributes__vip", flat=True)
    assert list(found) == [True, False]

"""CSV files as people and programs write them: separators, quotes, encodings, headers."""

import io

import pytest

from tests.audience.import_files import counts, take
from vestnik.audience.importing.columns.header import plan
from vestnik.audience.importing.csv import encodings
from vestnik.audience.importing.csv.encodings import ENCODINGS, encoding_of
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import OpenedFile, open_file
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.models import Client

LISTED = (
    "Телефон;Имя;Город\n79261234567;Анна;Москва\n79030000000;Борис;Йошкар-Ола\n"
    "79040000000;Щукина Юлия;Санкт-Петербург\n"
)


def read(content: str | bytes, **options: object) -> OpenedFile:
    data = content if isinstance(content, bytes) else content.encode()
    return open_file(io.BytesIO(data), Options(**options), Progress())


def cells(content: str | bytes, **options: object) -> list[list[str]]:
    return [cells for _, cells, _ in read(content, **options).table.rows]


SEPARATED: dict[str, tuple[str, str, list[str]]] = {
    "named in quotes": ('"sep=;"\nphone;a,b,c\n79261234567;1,2\n', ";", ["79261234567", "1,2"]),
    "named": ("sep=|\nphone|name\n79261234567|A\n", "|", ["79261234567", "A"]),
    "named after a mark": ('\ufeff"sep=,"\nphone,name\n79261234567,A\n', ",", ["79261234567", "A"]),
    "more commas in the header than semicolons": (
        "Телефон;Имя, фамилия, отчество, как в паспорте\n79261234567;Анна\n79030000000;Борис\n",
        ";",
        ["79261234567", "Анна"],
    ),
    "addresses with commas": (
        "phone;address\n79261234567;ул. Мира, 5, кв. 3\n",
        ";",
        ["79261234567", "ул. Мира, 5, кв. 3"],
    ),
    "decimal commas": (
        "sum;phone\n1,50;79261234567\n2,75;79030000000\n",
        ";",
        ["1,50", "79261234567"],
    ),
    "a separator in quotes": (
        'phone,"a;b;c;d"\n79261234567,"x;y"\n',
        ",",
        ["79261234567", "x;y"],
    ),
    "a blank before a quote": (
        'phone, name, city\n79261234567, "Анна, мама", "Омск"\n',
        ",",
        ["79261234567", "Анна, мама", "Омск"],
    ),
    "a blank before the first quote": (
        ' "phone"; "name"\n "79261234567"; "A;B"\n',
        ";",
        ["79261234567", "A;B"],
    ),
    "300 separators at the end": (
        "phone;name" + ";" * 300 + "\n79261234567;A" + ";" * 300 + "\n",
        ";",
        ["79261234567", "A"],
    ),
    "a tab": ("phone\tname\n79261234567\tA, B; C\n", "\t", ["79261234567", "A, B; C"]),
}


@pytest.mark.parametrize("case", SEPARATED)
def test_cells_are_parted_as_the_rows_are(case: str):
    content, separator, wanted = SEPARATED[case]
    found = read(content)
    assert found.separator == separator
    assert next(found.table.rows)[1:] == (wanted, "")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", [str, str.upper])
def test_the_encoding_is_told_by_the_letters(encoding: str, form: type[str]):
    content = form(LISTED).encode(ENCODINGS[encoding])
    found = read(content)
    # Mac's large letters are those of CP866.
    same = {"cp866", "mac-cyrillic"} if form is str.upper else set()
    assert found.encoding == encoding or {encoding, found.encoding} == same
    assert cells(content)[0] == form(LISTED).splitlines()[1].split(";")


@pytest.mark.parametrize("encoding", [*encodings.OF_ONE_BYTE, "utf-8"])
@pytest.mark.parametrize("name", ["Анна", "ИВАНОВ", "мария", "Кузнецова Ольга", "«Ромашка» № 5"])
def test_one_name_is_enough(encoding: str, name: str):
    content = f"phone;name\n79261234567;{name}\n".encode(ENCODINGS[encoding], "replace")
    text = content.decode(ENCODINGS[encoding])
    found = encoding_of(io.BytesIO(content))
    assert content.decode(ENCODINGS[found]).casefold() == text.casefold()


def test_somebody_may_know_the_encoding_better():
    content = LISTED.encode("cp866")
    assert cells(content, encoding="koi8-r") != cells(content)
    assert cells(content, encoding="cp866") == cells(LISTED)


HEADERS: dict[str, tuple[str, dict[str, object], int, list[str]]] = {
    "none, and two columns": (
        "79261110001;Анна\n79261110002;Борис\n",
        {},
        0,
        ["79261110001", "Анна"],
    ),
    "none, and its first number is short": (
        "12345;Анна\n79261110002;Борис\n",
        {},
        0,
        ["12345", "Анна"],
    ),
    "none, and the number second": ("Анна;+7 926 111-00-01\n", {}, 0, ["Анна", "+7 926 111-00-01"]),
    "in the first line": (LISTED, {}, 1, ["79261234567", "Анна", "Москва"]),
    "of names that we do not know": (
        "кто;кому\nАнна;79261110001\n",
        {},
        1,
        ["Анна", "79261110001"],
    ),
    "below a title": (
        "Отчёт за май\n\nКлиенты магазина;;\nТелефон;Имя;Город\n79261234567;Анна;Омск\n",
        {},
        4,
        ["79261234567", "Анна", "Омск"],
    ),
    "below a title, of names that we do not know": (
        "Отчёт за май\nКому;Кто;Откуда\n79261234567;Анна;Омск\n",
        {},
        2,
        ["79261234567", "Анна", "Омск"],
    ),
    "below a title, told by the mapping": (
        "Отчёт;за;май\nКому;Кто;Откуда\nx;Анна;Омск\n",
        {"mapping": {"Кому": "phone_number"}},
        2,
        ["x", "Анна", "Омск"],
    ),
    "said to be in another line": (
        LISTED,
        {"header_line": 2},
        2,
        ["79030000000", "Борис", "Йошкар-Ола"],
    ),
    "said to be missing": (LISTED, {"header_line": 0}, 0, ["Телефон", "Имя", "Город"]),
    "not there, and the numbers bare": ("79261110001\n", {}, 0, ["79261110001"]),
    "not there, and the first number a landline": (
        "4951234567\n79261110001\n",
        {},
        0,
        ["4951234567"],
    ),
    "not there, and all numbers landlines": ("4951234567\n4951234568\n", {}, 0, ["4951234567"]),
    "not there, and a decimal comma in the number": (
        "79261110001,0;Анна\n79261110002,0;Пётр\n",
        {},
        0,
        ["79261110001,0", "Анна"],
    ),
    "not there, and a decimal comma beside it": (
        "79261110001;1,0;Анна\n79261110002;2,5;Пётр\n",
        {},
        0,
        ["79261110001", "1,0", "Анна"],
    ),
    "not there, the numbers bare, and a mapping": (
        "79261110001\n79261110002\n",
        {"mapping": {"1": "phone_number"}},
        0,
        ["79261110001"],
    ),
}


@pytest.mark.parametrize("case", HEADERS)
def test_the_header_is_found_or_said(case: str):
    content, options, line, first = HEADERS[case]
    table = read(content, **options).table
    assert table.header_line == line
    assert next(table.rows)[1] == first


@pytest.mark.parametrize("line", [5, 99])
def test_a_header_that_is_not_there_is_refused(line: int):
    with pytest.raises(FileProblem, match=f"line {line} is not among"):
        read(LISTED, header_line=line)


def test_a_header_that_looks_like_a_client_is_named_as_such():
    """Only landlines with names: no row says for sure that it is one."""
    names = read("4951234567;Anna\n4951234568;Petr\n").table.names
    with pytest.raises(FileProblem, match=r"looks like a client, not like a header.*header_line 0"):
        plan(names, {})


PLANS: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "digits as headings, all said by number": (
        ["3", "2", "1"],
        {"1": "phone_number", "2": "tag", "3": ""},
        ["phone_number", "tag", ""],
    ),
    "a digit that is no number of a column": (
        ["phone", "2024"],
        {"2024": "tag"},
        ["phone_number", "tag"],
    ),
    "a digit at its own place": (["phone", "2"], {"2": "tag"}, ["phone_number", "tag"]),
    "a no-break space and a line break": (
        ["Номер\u00a0телефона", "Имя\nклиента\u200b", "\ufeffТег"],
        {},
        ["phone_number", "attributes.Имя клиента", "tag"],
    ),
    "a name as it is read and as it stands there": (
        ["Кому\u00a0слать", "Чей\nон"],
        {"Кому слать": "phone_number", "Чей\nон": "tag"},
        ["phone_number", "tag"],
    ),
    "nothing to be seen": (["phone", "\u200b", "\u00a0"], {}, ["phone_number", "", ""]),
    "our own export's": (
        ["phone", "attributes.a\u00a0b", "attributes.c"],
        {},
        ["phone_number", "attributes.a\u00a0b", "attributes.c"],
    ),
}


@pytest.mark.parametrize("case", PLANS)
def test_a_column_is_what_its_heading_says(case: str):
    names, mapping, wanted = PLANS[case]
    assert plan(names, mapping) == wanted


REFUSED: dict[str, tuple[list[str], dict[str, str], int, str]] = {
    "two headings alike": (["phone", "a", "a"], {}, 1, "columns 2 and 3 are both"),
    "a mapping of two alike": (
        ["phone", "a", "a"],
        {"a": "tag"},
        1,
        "columns 2 and 3 are both named",
    ),
    "a digit that means two": (
        ["3", "2", "x"],
        {"3": "phone_number"},
        1,
        "the heading of column 1",
    ),
    "no header": (["", ""], {}, 0, "by their numbers"),
    "a title that is the header": (["Отчёт"], {}, 3, "Line 3: no column is named"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_heading_that_means_two_things_is_refused(case: str):
    names, mapping, line, words = REFUSED[case]
    with pytest.raises(FileProblem, match=words):
        plan(names, mapping, line=line)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "mapping"),
    [
        (b"79261110001;Anna\n79261110002;Boris\n", {"1": "phone_number", "2": "name"}),
        (b"79261110001\n79261110002\n", {"1": "phone_number"}),
        (b"79261110001\n79261110002\n", {}),
    ],
)
def test_without_a_header_the_first_row_is_a_client(content: bytes, mapping: dict[str, str]):
    job = take(content, options={"mapping": mapping})
    assert (job.error, counts(job)) == ("", {"rows": 2, "created": 2})
    assert job.read_as["header_line"] == 0


@pytest.mark.django_db
def test_what_was_read_is_said():
    job = take(f"Клиенты\n{LISTED}".encode("cp866"))
    assert (job.read_as["encoding"], job.read_as["header_line"]) == ("cp866", 2)
    assert set(Client.objects.values_list("attributes__Имя", flat=True)) == {
        "Анна",
        "Борис",
        "Щукина Юлия",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("error", ["#N/A", "#REF!", " #ЗНАЧ! ", "#Н/Д", "Err:502"])
def test_a_cell_whose_formula_failed_is_missing_or_its_row_refused_by_name(error: str):
    job = take(f"phone;tag;city\n79261110001;{error};{error}\n{error};x;y\n#1;x;y\n".encode())
    client = Client.objects.get()
    assert (client.tag, client.attributes) == ("", {})
    reasons = dict(job.refused_rows.values_list("line", "reason"))
    assert f"the error {error.strip()}" in reasons[3]
    assert "error" not in reasons[4]

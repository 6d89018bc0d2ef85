"""What is exported and comes back as it was changes nothing, through CSV and XLSX."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.audience.import_files import counts, refusals, take
from tests.builders import make_client
from vestnik.audience.importing import formats
from vestnik.audience.importing.columns.header import FIELDS as COLUMNS
from vestnik.audience.importing.columns.header import meaning
from vestnik.audience.importing.csv.csv_escape import harmless
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.importing.run import staged_rows
from vestnik.audience.models import AttributeType, Client
from vestnik.reports.files import exports, table_writers

WRITERS = {"csv": table_writers.as_csv, "xlsx": table_writers.as_xlsx}
NUMBER = "79261234567"
FIELDS = ("phone_number", "operator_code", "tag", "timezone", "attributes")

LETTERS = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=12
)
TROUBLE = st.sampled_from(
    (
        *(
            "-10%",
            "'-10%",
            "=1",
            "5",
            "007",
            "1.50",
            "1e5",
            "true",
            "да",
            "null",
            "[1]",
            "{}",
            " x ",
        ),
        *("'", "a\r\nb", "a\rb", "\n", "\t", "_x000D_", "\x85=1", "\xa0=1", "\u200b=1", "\uffff"),
        *("\x1b", '"', "21.03.1988", "4512,29", "1 234", "79261234567", "+7 926", "#N/A", "sep=;"),
        *("\ufeff", "1E+21", "#REF!", "Err:502"),
    )
)
NAMES = LETTERS | st.sampled_from(
    (
        *("phone", "group", "tag", "id", "телефон", "3", "", "a\xa0b", "=x", "'x", "attributes.x"),
        *("exact_values", "attributes", " x", "x" * 101, "a\nb", "attributes.attributes.x"),
        *("\ufeffx", "y" * 100),
    )
)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = LETTERS | TROUBLE
SINGLE = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = SINGLE | st.lists(SINGLE, max_size=3) | st.dictionaries(NAMES, SINGLE, max_size=3)
#: What came back as something else, or could not be read at all.
NAMED: dict[str, Any] = {
    "group": "-10%",
    "manager": "+7 495 123-45-67",
    "phone": "5",
    "no\xa0break": True,
    "list": [1, "a"],
    "object": {"a": 1},
    "word": "true",
}
CLIENT = st.tuples(
    TEXTS, st.dictionaries(NAMES, VALUES, max_size=6), st.sampled_from(["926", "900"])
)


@pytest.mark.django_db
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("type", "stored", "typed", "becomes"),
    [
        ("number", "forty", "40", 40),
        ("number", "-10%", "-10", -10),
        ("number", "5", "6", 6),
        ("date", "spring", "31.03.2026", "2026-03-31"),
        ("boolean", "true", "нет", False),
        ("number", "forty", "fifty", None),
        ("text", "-10%", "-20%", "-20%"),
        ("", "5", "6", "6"),
    ],
)
def test_a_value_that_is_corrected_in_an_export_is_of_the_declared_type(
    writer: str, type: str, stored: str, typed: str, becomes: Any
) -> None:
    """What an export says exactly is of the value that was there, and not of another one."""
    make_client(NUMBER, attributes={"x": stored})
    if type:
        AttributeType.objects.create(name="x", type=type)
    table = [*exports.clients(Client.objects.all())]
    place = table[0].index("x")
    table[1][place] = typed

    job = take(b"".join(WRITERS[writer](table)))

    refused = "x: " in refusals(job).get(2, "")
    assert refused == (becomes is None), refusals(job)
    now = Client.objects.get().attributes["x"]
    assert repr(now) == repr(stored if becomes is None else becomes)


@pytest.mark.django_db
@given(clients=st.lists(CLIENT, min_size=1, max_size=4))
@example(clients=[("", {"small": 1.192092896e-07}, "926")])
@example(clients=[("-10%", NAMED, "926")])
@settings(deadline=None, max_examples=max(300, settings().max_examples))
def test_an_export_is_read_as_what_it_was(clients: list[Any]) -> None:
    """With no row in the database, so that thousands are tried: `--hypothesis-profile=thorough`."""
    names = sorted({name for _, attributes, _ in clients for name in attributes})
    numbers = [str(79261234567 + n) for n in range(len(clients))]
    rows = [
        (n, number, code, tag, "Asia/Omsk", "2026-11-29T10:00:00Z", attributes)
        for n, (number, (tag, attributes, code)) in enumerate(zip(numbers, clients, strict=True))
    ]
    was = [
        (number, code, tag, "Asia/Omsk", repr(sorted(attributes.items())))
        for number, (tag, attributes, code) in zip(numbers, clients, strict=True)
    ]
    for write in WRITERS.values():
        assert read(b"".join(write(exports.table_of(rows, names, {})))) == was


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["\x1b", "a\x85b", "a\nb", "a\u200bb", "a\x01"])
def test_a_name_with_control_characters_comes_back_by_an_export_and_is_refused_as_a_heading(
    name: str,
) -> None:
    attributes = {name: "x", "city": "Omsk"}
    row = (1, NUMBER, "926", "", "Asia/Omsk", "2026-11-29T10:00:00Z", attributes)
    for write in WRITERS.values():
        [(*_, came_back)] = read(b"".join(write(exports.table_of([row], [*attributes], {}))))
        assert came_back == repr(sorted(attributes.items()))
    with pytest.raises(FileProblem, match="printable"):
        meaning(1, f"attributes.{name}", {}, COLUMNS["clients"])


def read(file: bytes) -> list[Any]:
    table = formats.open_file(io.BytesIO(file), formats.Options(), Progress()).table
    found = []
    for _, number, code, tag, zone, attributes, problem, *_ in staged_rows(
        table, formats.Options(), "clients"
    ):
        assert problem is None
        given = sorted(json.loads(attributes or "{}").items())
        found.append((number, code, tag or "", zone, repr(given)))
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("known", [False, True])
@given(clients=st.lists(CLIENT, min_size=30, max_size=30))
@settings(
    deadline=None,
    max_examples=2,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.large_base_example],
)
def test_an_export_that_comes_back_changes_nothing(
    kind: str, known: bool, clients: list[Any]
) -> None:
    Client.objects.all().delete()
    for n, (tag, attributes, code) in enumerate(clients):
        fields = {"tag": tag, "attributes": attributes, "operator_code": code}
        make_client(str(79261234567 + n), timezone="Asia/Omsk", **fields)
    was, file = everything(), exported(kind)
    if not known:
        Client.objects.all().delete()

    job = take(file)

    assert (job.error, refusals(job)) == ("", {})
    assert everything() == was
    assert counts(job) == {"rows": len(was), "unchanged" if known else "created": len(was)}


def exported(kind: str) -> bytes:
    return b"".join(WRITERS[kind](exports.clients(Client.objects.all())))


def everything() -> list[Any]:
    """All clients, so that 1, 1.0 and true are not the same."""
    return [repr(row) for row in Client.objects.order_by("phone_number").values_list(*FIELDS)]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", WRITERS)
def test_more_attributes_than_a_file_has_columns_are_not_dropped(kind: str) -> None:
    attributes = {f"name {n:03}": n for n in range(400)}
    client = make_client(NUMBER, attributes=attributes)
    file = exported(kind)
    client.delete()

    take(file)

    assert Client.objects.get().attributes == attributes


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "cell", "edited", "read"),
    [
        ("-10%", "'-10%", "'-20%", "-20%"),
        ("5", "5", "6", "6"),
        ("5", "5", "", "5"),
        (5, "5", "6", 6),
        ("x", "x", "7", 7),
        ([1], "[1]", "none", "none"),
        (True, "true", "5", 5),
        ("a  b", "a  b", "c", "c"),
    ],
)
def test_a_cell_that_was_changed_goes_before_what_it_was(
    value: Any, cell: str, edited: str, read: Any
) -> None:
    make_client(NUMBER, attributes={"x": value})
    head, row, *_ = csv.reader(io.StringIO(exported("csv").decode("utf-8-sig")), delimiter=";")
    place = head.index("x")
    assert row[place] == cell
    row[place] = edited
    changed = io.StringIO()
    csv.writer(changed, delimiter=";").writerows([head, row])

    take(changed.getvalue().encode())

    assert repr(Client.objects.get().attributes) == repr({"x": read})


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["'-10%", "'=1", "'x", "''", "x'"])
def test_a_quote_in_a_file_of_another_maker_stays(value: str) -> None:
    take(f'phone,tag,x\n{NUMBER},{value},"{value}"\n'.encode())

    client = Client.objects.get()
    assert (client.tag, client.attributes) == (value, {"x": value})


@pytest.mark.django_db
@pytest.mark.parametrize("cell", ["{", "[]", "5", '{"attributes": 5}', '{"a": NaN}', "[" * 9999])
def test_exact_values_of_another_making_are_refused_by_row(cell: str) -> None:
    job = take(f"phone|exact_values\n{NUMBER}|'{cell}'\n79261234568|\n".replace("'", "").encode())

    assert list(refusals(job)) == [2]
    assert "exact_values" in refusals(job)[2]
    assert counts(job) == {"rows": 2, "created": 1, "refused": 1}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cell", ['{"attributes": {"x": "\\u0000"}}', '{"attributes": {"x": "\\ud800"}}']
)
def test_exact_values_that_cannot_be_stored_are_refused(cell: str) -> None:
    job = take(f"phone|exact_values\n{NUMBER}|{cell}\n".encode())

    assert "exact_values: Leave out" in refusals(job)[2]


@pytest.mark.django_db
def test_an_operator_code_is_restored_also_where_it_is_the_numbers_own() -> None:
    make_client(NUMBER, operator_code="900")

    take(f"phone,operator_code\n{NUMBER},926\n".encode())

    assert Client.objects.get().operator_code == "926"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize(
    "before", ["", "\x85", "\xa0", " ", "\u200b", "\ufeff", "\u2060", "\u3000", "\u2028", "\u3164"]
)
def test_no_cell_begins_as_a_formula(before: str, sign: str) -> None:
    assert harmless(f"{before}{sign}1") == f"'{before}{sign}1"


@pytest.mark.parametrize("text", ["\tx", "\rx", "\nx"])
def test_no_cell_begins_with_a_break(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "x=1", "5-1", "'=1", "«=»", "(-1)", "\u200bx"])
def test_other_cells_are_as_they_are(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("exported_value", "now"),
    [
        ([1], [1, 2]),
        ([2, 1], [1, 2]),
        ([1], [1, 1]),
        ([], [1]),
        ({"x": 1}, {"x": 1, "y": 2}),
        ({}, {"x": 1}),
        ([{"x": 1}], [{"x": 1, "y": 2}]),
    ],
)
def test_an_export_restores_a_list_that_has_grown(exported_value: Any, now: Any) -> None:
    client = make_client(NUMBER, attributes={"a": exported_value, "b": "x"})
    file = exported("csv")
    Client.objects.filter(id=client.id).update(attributes={"a": now, "b": "x", "c": 1})

    job = take(file)

    client.refresh_from_db()
    assert client.attributes == {"a": exported_value, "b": "x", "c": 1}
    assert counts(job) == {"rows": 1, "updated": 1}
    assert counts(take(file)) == {"rows": 1, "unchanged": 1}

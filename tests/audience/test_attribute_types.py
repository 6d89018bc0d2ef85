"""Columns and attributes of a type: what is read, what does not fit, what a range finds."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.audience.import_files import counts, refusals, take
from vestnik.audience.attribute_types import AttributeType, check_types, fits
from vestnik.audience.filters.selection import matching
from vestnik.audience.importing.columns.cell_types import day, flag, number, recognised
from vestnik.audience.models import Client
from vestnik.cli.import_commands import print_result

NUMBER = "79261234567"


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        *(("4512,29", 4512.29), ("4 512,29", 4512.29), ("4\u00a0512,29", 4512.29)),
        *(("4\u202f512", 4512), ("1 234 567", 1234567), ("4512.29", 4512.29), ("-5", -5)),
        *(
            ("\u22125,5", -5.5),
            ("+5", 5),
            ("0", 0),
            ("0,125", 0.125),
            ("007", 7),
            ("4512,290", 4512.29),
        ),
        *(
            ("1'234", 1234),
            (" 42 ", 42),
            ("123456789012345", 123456789012345),
            ("1234.500", 1234.5),
        ),
        *(
            ("", None),
            ("x", None),
            ("1,234", None),
            ("12,345", None),
            ("12 34", None),
            ("1e5", None),
        ),
        *(("1.234,56", None), ("1,234.56", None), ("1234567890123456", None), ("5%", None)),
        *(("--5", None), ("5 \u20bd", None), ("٤٢", None), ("1 2345", None), ("0x1", None)),
    ],
)
def test_numbers_as_people_write_them(cell: str, read: Any) -> None:
    assert repr(tried(number, cell)) == repr(read)


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        *(("21.03.1988", "1988-03-21"), ("1.3.1988", "1988-03-01"), ("21.03.88", "1988-03-21")),
        *(("21.03.29", "2029-03-21"), ("1988-03-21", "1988-03-21"), ("21-03-1988", "1988-03-21")),
        *(("21/03/1988", "1988-03-21"), ("3/21/1988", "1988-03-21"), ("03/03/1988", "1988-03-03")),
        *(
            ("21 марта 1988 г.", "1988-03-21"),
            ("21 мар 1988", "1988-03-21"),
            ("5 мая 26", "2026-05-05"),
        ),
        *(("21-Mar-88", "1988-03-21"), ("1988-03-21T10:30", "1988-03-21T10:30:00")),
        *(
            ("21.03.1988 9:05", "1988-03-21T09:05:00"),
            ("21.03.1988 23:59:59", "1988-03-21T23:59:59"),
        ),
        ("2009-01-31T23:00:00+03:00", "2009-01-31T23:00:00+03:00"),
        *(
            ("", None),
            ("31.02.1988", None),
            ("1988-13-01", None),
            ("03/04/1988", None),
            ("x", None),
        ),
        *(("2026-W20-1", None), ("1988", None), ("21.03", None), ("21.03.1988 25:00", None)),
        *(("21 foo 1988", None), ("0000-01-01", None), ("21.03/1988", None), ("32110", None)),
    ],
)
def test_dates_as_people_and_sheets_write_them(cell: str, read: str | None) -> None:
    assert tried(day, cell) == read


@pytest.mark.parametrize(
    ("cell", "read"),
    [("да", True), ("Нет", False), ("ИСТИНА", True), ("true", True), ("0", False), ("maybe", None)],
)
def test_yes_and_no(cell: str, read: bool | None) -> None:
    assert tried(flag, cell) is read


@pytest.mark.parametrize(
    ("cells", "type"),
    [
        (["21.03.1988", "", "1988-03-22"], "date"),
        (["4512,29", "100"], "number"),
        (["1 234", "5"], "number"),
        (["1", "2.5"], ""),
        (["007", "4,5"], ""),
        (["21.03.1988", "spring"], ""),
        (["да", "нет"], ""),
        (["8 926 123 45 67"], ""),
        ([], ""),
        (["TRUE", "FALSE", ""], "boolean"),
        (["ИСТИНА", "ЛОЖЬ"], "boolean"),
        (["true", "FALSE"], ""),
        (["1-2-03", "5-3-12"], ""),
        (["12.05.20"], ""),
        (["1 марта 1990 г."], "date"),
        (["01.01.2026 10:30:99"], ""),
        (["2026-01-01T10:30:00+99:99"], ""),
        (["2026-01-01T10:30+14:30"], ""),
        (["2026-01-01T10:30-12:30"], ""),
        (["2026-01-01T10:30+05:60"], ""),
        (["2026-01-01T10:30:00+14:00"], "date"),
        (["2026-01-01 10:30-0330"], "date"),
        (["916 120"], ""),
        (["916 120", "926 555", "100 200 300"], ""),
        (["916 120", "926 555", ""], ""),
        (["12 345", "67 890"], ""),
        (["1 234"], ""),
        (["916'120", "926'555"], ""),
        (["916\u00a0120", "926\u00a0555"], ""),
        (["916 120", "345"], ""),
        (["916 120", "4,5", "012 555"], ""),
        (["916 120", "926 55"], ""),
        (["0 123", "4 512", "1 234 567"], ""),
        (["916 120", "926 555,5"], "number"),
        (["4 512", "12 000"], "number"),
        (["4\u00a0512", "100"], "number"),
        (["1 000 000", "926 555"], "number"),
    ],
)
def test_types_are_recognised_where_all_cells_are_of_one(cells: list[str], type: str) -> None:
    assert recognised(cells) == type


def tried(read: Any, cell: str) -> Any:
    try:
        return read(cell)
    except ValueError:
        return None


FILE = f"phone;born;sum\n{NUMBER};21.03.1988;4512,29\n79261234568;1.4.1990;1 000\n".encode()


@pytest.mark.django_db
def test_dates_and_numbers_of_a_file_are_found_by_ranges() -> None:
    take(FILE)

    attributes = Client.objects.get(phone_number=NUMBER).attributes
    assert attributes == {"born": "1988-03-21", "sum": 4512.29}
    assert found(born={"gte": "1988-01-01", "lte": "1988-12-31"}) == [NUMBER]
    assert found(sum={"gte": 4512, "lte": 4513}) == [NUMBER]
    assert len(found(sum={"gte": 1000})) == 2


def found(**attributes: Any) -> list[str]:
    numbers = matching({"attributes": attributes}).values_list("phone_number", flat=True)
    return sorted(numbers)


@pytest.mark.django_db
def test_what_was_only_recognised_refuses_nobody() -> None:
    rows = "".join(f"792612346{n:02};01.01.2000\n" for n in range(40))
    job = take(f"phone;born\n{rows}{NUMBER};spring\n".encode())

    assert counts(job) == {"rows": 41, "created": 41}
    assert Client.objects.get(phone_number=NUMBER).attributes == {"born": "spring"}
    reason = "born: This is no date: write it as 2026-03-31 or 31.03.2026."
    assert job.misfits == 1
    details = {
        "code": "field_wrong",
        "params": {"field": "born", "reason": {"code": "no_date", "params": {}}},
    }
    remark = {"line": 42, "attribute": "born", "reason": reason, "reason_details": details}
    assert job.remarks == [remark]


def recognised_columns(*below: str) -> bytes:
    """A file whose first rows say that one column has dates, and the other numbers."""
    rows = [f"792612346{n:02};01.01.2000;4 512,29" for n in range(40)]
    return "\n".join(("phone;born;sum", *rows, *below)).encode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "named"),
    [
        (f"{NUMBER};02.01.2000;5", []),
        (f"{NUMBER};;", []),
        (f"{NUMBER};32.01.2000;5", ["born: This is no date"]),
        (f"{NUMBER};1-2-03;5", ["born: Its year has no four digits"]),
        (f"{NUMBER};01.02.2000;007", ["sum: It begins with 0"]),
        (f"{NUMBER};spring;x", ["born: This is no date", "sum: This is no number"]),
        ("79261234600;spring;x", []),
        ("12;spring;x", []),
    ],
)
def test_a_value_that_does_not_fit_a_recognised_type_is_named(row: str, named: list[str]) -> None:
    """Of rows that are imported; those refused, or with a number again, have their own reason."""
    job = take(recognised_columns(row))

    assert job.misfits == len(job.remarks) == len(named)
    for remark, begins in zip(job.remarks, named, strict=True):
        assert remark["line"] == 42
        assert remark["reason"].startswith(begins)
        assert remark["attribute"] == begins.split(":")[0]


@pytest.mark.django_db
def test_the_command_names_what_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_result(take(recognised_columns(f"{NUMBER};spring;5")), strict=True) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "1 values do not fit the type of their column and are stored as text" in lines
    assert "line 42: born: This is no date: write it as 2026-03-31 or 31.03.2026." in lines


@pytest.mark.django_db
def test_many_values_that_do_not_fit_are_counted_and_the_first_are_listed() -> None:
    rows = [f"7926123{n:04};spring;x" for n in range(1, 61)]
    job = take(recognised_columns(*rows))

    assert (job.misfits, len(job.remarks)) == (120, 100)
    assert [one["line"] for one in job.remarks] == [42 + n // 2 for n in range(100)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first", "cell"),
    [
        ("4 512,29", "007"),
        ("4 512,29", "0 123"),
        ("01.01.2000", "1-2-03"),
        ("01.01.2000", "12.05.20"),
    ],
)
def test_what_may_be_an_identifier_stays_in_a_recognised_column(first: str, cell: str) -> None:
    """Also far below the rows that the type was recognised by."""
    rows = "".join(f"792612346{n:02};{first}\n" for n in range(40))
    take(f"phone;x\n{rows}{NUMBER};{cell}\n".encode())

    assert Client.objects.get(phone_number=NUMBER).attributes == {"x": cell}


@pytest.mark.django_db
def test_contract_numbers_in_groups_stay_as_they_are_written() -> None:
    take(f"phone;contract\n{NUMBER};916 120\n79261234568;926 555\n".encode())

    assert Client.objects.get(phone_number=NUMBER).attributes == {"contract": "916 120"}


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["declared", "said"])
@pytest.mark.parametrize(
    ("type", "cell", "reason"),
    [
        ("date", "spring", "born: This is no date"),
        ("number", "x", "born: This is no number"),
        ("number", "1,234", "born: This may be read as two numbers"),
        ("date", "03/04/1988", "born: This may be read as two dates"),
        ("boolean", "x", "born: Write yes or no."),
    ],
)
def test_what_does_not_fit_is_named_with_its_row(
    way: str, type: str, cell: str, reason: str
) -> None:
    options: dict[str, Any] = {"types": {"born": type}} if way == "said" else {}
    if way == "declared":
        AttributeType.objects.create(name="born", type=type)

    job = take(f'phone;born\n{NUMBER};"{cell}"\n79261234568;\n'.encode(), options=options)

    assert refusals(job)[2].startswith(reason)
    assert counts(job) == {"rows": 2, "created": 1, "refused": 1}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("type", "cell", "stored"),
    [
        ("text", "42", "42"),
        ("boolean", "да", True),
        ("number", "007", 7),
        ("date", "1.2.26", "2026-02-01"),
    ],
)
def test_a_declared_type_is_what_is_stored(type: str, cell: str, stored: Any) -> None:
    AttributeType.objects.create(name="x", type=type)

    take(f"phone;x\n{NUMBER};{cell}\n".encode(), options={"types": {"x": "date"}})

    assert repr(Client.objects.get().attributes) == repr({"x": stored})


@pytest.mark.parametrize(
    ("value", "types"),
    [
        *(("x", {"text"}), (5, {"number"}), (1.5, {"number"}), (True, {"boolean"}), ([], set())),
        *(("2026-01-01", {"text", "date"}), ("2026-01-01T10:00:00Z", {"text", "date"})),
        *(
            ("2026-02-30", {"text"}),
            ("2026-W20-1", {"text"}),
            ("2026-01-01x", {"text"}),
            ({}, set()),
        ),
        (None, {"text", "number", "date", "boolean"}),
    ],
)
def test_values_fit_their_types(value: Any, types: set[str]) -> None:
    assert {type for type in ("text", "number", "date", "boolean") if fits(value, type)} == types


def test_a_value_from_before_stays() -> None:
    types = {"x": "number"}
    check_types({"x": "old", "y": 1}, {"x": "old"}, types)
    for before in ({"x": "other"}, {}, None):
        with pytest.raises(ValidationError):
            check_types({"x": "old"}, before, types)

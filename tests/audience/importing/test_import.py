"""Files of clients: forms, columns, what is taken over, and that it is one unit."""

import io

import pytest
from django.db import connection

from tests.api.clients.test_concurrent_changes import WAITS, another, together
from tests.audience.import_files import counts, refusals, take
from tests.audience.sheets import Day, write
from tests.builders import make_client
from tests.stack.embedded_servers import wait_until
from vestnik.audience.importing import into_directory, run, stored
from vestnik.audience.importing.options import Options
from vestnik.audience.imports import Import
from vestnik.audience.models import Client
from vestnik.db import sql

pytestmark = pytest.mark.django_db

ROWS = "Телефон;Тег;Имя\n+7 (926) 123-45-67;vip;Анна\n89030000000;;Борис\n"
BOTH = {"79261234567": ("vip", {"Имя": "Анна"}), "79030000000": ("", {"Имя": "Борис"})}


def directory() -> dict[str, tuple[str, dict[str, object]]]:
    return {c.phone_number: (c.tag, c.attributes) for c in Client.objects.all()}


def xlsx(*rows: list[object]) -> bytes:
    target = io.BytesIO()
    write(target, rows)
    return target.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_the_encoding_is_found_out(encoding: str):
    take(ROWS.encode(encoding))
    assert directory() == BOTH


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_the_separator_and_the_line_ends_are_found_out(separator: str, ends: str):
    take(ROWS.replace(";", separator).replace("\n", ends).encode())
    assert directory() == BOTH


def test_the_first_line_may_name_the_separator_as_excel_has_it():
    take(f"sep=,\n{ROWS.replace(';', ',')}".encode())
    assert directory() == BOTH


@pytest.mark.parametrize(
    "name", ["phone_number", "Phone Number", "НОМЕР ТЕЛЕФОНА", "Моб. тел", "№"]
)
def test_the_number_is_found_by_its_columns_name(name: str):
    job = take(f"{name},x\n79261234567,1\n".encode())
    assert bool(job.error) == (name == "№")


def test_a_bare_list_of_numbers_needs_no_header():
    job = take(b"79261234567\r\n89030000000\r\n")
    assert counts(job) == {"rows": 2, "created": 2}


def test_columns_are_what_somebody_says_they_are():
    mapping = {"Кому": "phone_number", "2": "tag", "Город": "city", "Лишнее": ""}
    job = take(
        "Кому;Чей;Город;Лишнее\n79261234567;vip;Омск;x\n".encode(), options={"mapping": mapping}
    )
    assert (job.error, directory()) == ("", {"79261234567": ("vip", {"city": "Омск"})})


FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty"),
    "blank": (b" \r\n \r\n", "The file is empty"),
    "blank cells": (b";;;\n;;;\n", "no rows"),
    "no number": ("Имя;Город\nАнна;Омск\n".encode(), "no column is named as the phone number"),
    "two numbers": ("Телефон;Мобильный\n1;2\n".encode(), "columns 1 and 2 are both phone_number"),
    "two of a name": ("Телефон;Имя;Имя\n1;2;3\n".encode(), "columns 2 and 3 are both"),
    "a long name": (b"phone," + b"x" * 101, "at most 100"),
    "257 columns": (b"phone" + b",x" * 256 + b"\n", "cells"),
    "an old xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "old .xls"),
    "a pdf": (b"%PDF-1.7\n", "PDF"),
    "a gzip": (b"\x1f\x8b\x08\0", "unpack"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "neither CSV nor XLSX"),
    "a long line": (b"phone\n" + b"7" * 300_000, "longer than 256 KiB"),
    "an unclosed header": (b'"phone\n79261234567\n', "the header"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_says_what_to_do(case: str):
    content, words = FILES[case]
    job = take(content)
    assert (job.state, words in job.error) == ("failed", True), job.error
    assert not directory()
    assert not job.pieces.exists()


def test_an_xlsx_file_is_read_with_its_numbers_texts_and_dates():
    head = ["Телефон", "Тег", "Имя", "Родился", "Бонус", "Код"]
    job = take(
        xlsx(
            head,
            [79261234567, "vip", "Анна", Day(32_874), 150, "007"],
            ["8 (903) 000-00-00", "", "Борис", "", 1.5, ""],
            [],
            ["7.9040000000E+10", None, "Вера"],
            ["нет", None, "Глеб"],
        )
    )
    assert counts(job) == {"rows": 4, "created": 3, "refused": 1}
    assert directory()["79261234567"] == (
        "vip",
        {"Имя": "Анна", "Родился": "1990-01-01", "Бонус": 150, "Код": "007"},
    )
    assert directory()["79030000000"][1] == {"Имя": "Борис", "Бонус": 1.5}
    assert list(refusals(job)) == [6]


def test_duplicates_in_the_file_are_told_apart_from_updates():
    make_client("79261234567", tag="old", attributes={"Имя": "Анна", "Город": "Омск"})
    make_client("79030000000", attributes={"Имя": "Борис"})
    job = take(ROWS.encode() + "89261234567;new;Анна\n79040000000;;Вера\n".encode())
    assert counts(job) == {"rows": 4, "created": 1, "updated": 1, "unchanged": 1, "duplicates": 1}
    assert "Line 2 has this number already" in refusals(job)[4]
    assert directory()["79261234567"] == ("vip", {"Имя": "Анна", "Город": "Омск"})


def test_the_same_file_again_changes_nothing():
    take(ROWS.encode())
    assert counts(take(ROWS.encode())) == {"rows": 2, "unchanged": 2}


def test_an_import_that_breaks_at_its_end_has_taken_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(into_directory, "MISSING", "SELECT 1 / 0 FROM wanted")
    make_client("79040000000")
    with pytest.raises(Exception, match="division by zero"):
        take(ROWS.encode())
    assert list(directory()) == ["79040000000"]
    job = Import.objects.get()
    assert (job.state, job.refused_rows.count(), job.pieces.count()) == ("running", 0, 1)
    monkeypatch.undo()
    stored.read(job.id)
    assert set(directory()) == {*BOTH, "79040000000"}


ANOTHERS = """
INSERT INTO audience_client
    (phone_number, operator_code, tag, timezone, timezone_source, attributes)
VALUES ('79030000000', '903', 'theirs', 'Europe/Moscow', 'given', '{"city": "Omsk"}')
"""


@pytest.mark.django_db(transaction=True)
def test_a_client_that_another_makes_meanwhile_gets_the_values_of_its_row():
    """The directory was empty: the row was lost, and counted as unchanged."""
    jobs: list[Import] = []
    with another() as other:
        with other.cursor() as cursor:
            cursor.execute(ANOTHERS)
        with together(lambda: jobs.append(take(ROWS.encode()))):
            wait_until(lambda: sql.value(WAITS) > 0, seconds=10)
            other.commit()

    assert counts(jobs[0]) == {"rows": 2, "created": 1, "updated": 1}
    assert directory() == BOTH | {"79030000000": ("theirs", {"city": "Omsk", "Имя": "Борис"})}


def test_one_that_was_stopped_three_times_is_given_up():
    job = stored.store(io.BytesIO(ROWS.encode()), file_name="a.csv", attempts=3)
    stored.read(job.id)
    job.refresh_from_db()
    assert (job.state, job.pieces.count()) == ("failed", 0)
    assert "three times" in job.error


def test_one_whose_own_process_was_stopped_is_told_so():
    job = Import.objects.create(file_name="a.csv", size=1, stored=False, state="running")
    with run.hold_reading_lock(job.id):
        stored.forget_old()
        job.refresh_from_db()
        assert job.state == "running"
    stored.forget_old()
    job.refresh_from_db()
    assert (job.state, "start it again" in job.error) == ("failed", True)


def test_no_temporary_table_stays_in_the_session():
    take(ROWS.encode())
    assert not {"staged", "wanted"} & set(connection.introspection.table_names())


def test_a_preview_says_how_the_first_rows_would_be_read_and_keeps_nothing():
    found = stored.preview(io.BytesIO(f"{ROWS}x;;\n".encode("cp1251")), Options(), "clients")
    assert (found["encoding"], found["separator"]) == ("cp1251", ";")
    assert [column["meaning"] for column in found["columns"]] == [
        "phone_number",
        "tag",
        "attributes.Имя",
    ]
    assert [row["phone_number"] for row in found["rows"]] == ["79261234567", "79030000000", None]
    assert "letter" in found["rows"][2]["problem"]
    assert not Import.objects.exists()


def test_one_that_is_told_stopped_too_soon_says_nothing_of_it_once_all_is_taken():
    job = stored.store(io.BytesIO(ROWS.encode()), file_name="a.csv", error=run.STOPPED)
    with stored.content(job) as file:
        run.run(job, file)
    assert (job.state, job.error, len(directory())) == ("done", "", 2)
    run.fail(job, run.STOPPED)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")


def test_an_import_of_ones_own_is_locked_before_it_is_seen_and_ends_with_its_block():
    def stop() -> None:
        with run.begun(file_name="a.csv", size=1) as job:
            stored.end_abandoned()
            job.refresh_from_db()
            assert job.state == "waiting"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    job = Import.objects.get()
    assert (job.state, job.error) == ("failed", run.STOPPED)

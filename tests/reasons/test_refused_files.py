"""Why files, rows and numbers are refused: sentences of the versions before get codes, and read in
the reader's language as they did."""

import json
import re

import pytest
from django.db import connection
from django.utils.translation import override

from tests.audience.import_files import take
from vestnik.audience.imports import Import, ImportState, RefusedRow
from vestnik.audience.migrations._sentences import HOW_TO_WRITE, SENTENCES, data_of, stored_as
from vestnik.audience.models import StopListEntry
from vestnik.audience.stop_list import Source, put
from vestnik.dashboard.wording.reasons import said
from vestnik.db.backfill import convert
from vestnik.reasons.catalogue import TEXTS
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

PLACE = re.compile(r"%\(\w+\)s")
FIELD = "phone_number: It has too few digits: 5." + HOW_TO_WRITE


def data(code: str, **params: object) -> dict[str, object]:
    return {"code": code, "params": params}


@pytest.mark.parametrize(("code", "sentence"), SENTENCES)
def test_each_sentence_is_a_code_and_has_its_russian(code: str, sentence: str) -> None:
    stored = PLACE.sub("7", sentence) + (HOW_TO_WRITE if TEXTS[Code(code)].remedy else "")

    reason = Reason.stored(stored, json.loads(stored_as(stored) or "null"))

    assert reason is not None
    assert (reason.code, str(reason)) == (code, stored)
    with override("ru"):
        assert re.search("[а-яё]", said(reason))


@pytest.mark.parametrize(
    ("stored", "expected", "russian"),
    [
        (
            FIELD,
            data("field_wrong", field="phone_number", reason=data("number_too_short", count=5)),
            "Номер телефона: ",
        ),
        (
            "born: Write yes or no.",
            data("field_wrong", field="born", reason=data("no_flag")),
            "born: ",
        ),
        (
            f"Sheet Лист 2, line 3: {FIELD}",
            data(
                "on_sheet",
                sheet="Лист 2",
                line=3,
                reason=data(
                    "field_wrong",
                    field="phone_number",
                    reason=data("number_too_short", count=5),
                ),
            ),
            "Лист «Лист 2», строка 3: Номер телефона: ",
        ),
        ("said by nobody", None, "said by nobody"),
        ("nobody: has said so", None, "nobody: has said so"),
    ],
)
def test_a_sentence_names_its_field_and_its_sheet(
    stored: str, expected: dict[str, object] | None, russian: str
) -> None:
    found = data_of(stored)

    assert found == expected
    with override("ru"):
        assert said(Reason.stored(stored, found)).startswith(russian)


@pytest.mark.django_db
def test_a_refused_row_is_stored_with_its_code() -> None:
    job = take(b"phone;tag\n12345;a\n79261234567;b\n79261234567;c\n" + b"79261234568;" + b"x" * 200)

    rows = {row.line: row.why for row in job.refused_rows.all()}

    assert {line: why.data for line, why in rows.items() if why} == {
        2: data("field_wrong", field="phone_number", reason=data("number_too_short", count=5)),
        4: data("field_wrong", field="phone_number", reason=data("number_repeated", line=3)),
        5: data("field_wrong", field="tag", reason=data("value_too_long", most=100)),
    }


@pytest.mark.django_db
def test_a_refused_file_is_stored_with_its_code() -> None:
    job = take("имя;город\nАнна;Омск\n".encode())

    assert job.state == ImportState.FAILED
    assert job.why is not None
    assert (job.why.code, job.why.params["line"]) == (Code.NO_NUMBER_COLUMN, 1)


@pytest.mark.django_db
def test_the_migration_gives_codes_to_imports_and_the_stop_list() -> None:
    job = Import.objects.create(
        file_name="a.csv",
        size=1,
        state="failed",
        error="This is a PDF: save the sheet as XLSX " "or CSV and import that.",
    )
    row = RefusedRow.objects.create(of=job, line=2, reason=FIELD)
    put(["79261234567"], Source.INBOUND, "wrote to main")
    put(["79261234568"], Source.PAGES, "wrote to us")

    assert convert(connection, "audience_import", "error", "reason", read=stored_as) == 1
    columns = ("audience_refusedrow", "reason", "reason_details")
    assert convert(connection, *columns, read=stored_as) == 1
    columns = ("audience_stoplistentry", "reason", "reason_details")
    assert convert(connection, *columns, read=stored_as, which="source = 'inbound'") == 1

    job.refresh_from_db()
    row.refresh_from_db()
    assert job.reason == data("is_pdf")
    assert row.reason_details["code"] == "field_wrong"
    entries = StopListEntry.objects.order_by("phone_number")
    assert [entry.reason_details for entry in entries] == [data("wrote_to", alias="main"), None]

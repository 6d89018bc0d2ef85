"""Imports of files by the API."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.http import HttpResponse

from tests.api.caller import ROOT, Caller, errors_of
from vestnik.audience.importing import stored
from vestnik.audience.imports import Import
from vestnik.audience.models import Client
from vestnik.db.lock_ids import IMPORT_LOCK
from vestnik.dispatch.runtime import import_runner

FILE = "Телефон;Имя\n79261234567;Анна\n=1+1;Борис\n".encode()


def send(api: Caller, content: bytes = FILE, **form: Any) -> HttpResponse:
    file = SimpleUploadedFile("clients.csv", content, "text/csv")
    return api.http.post(f"{ROOT}clients/imports/", {"file": file, **form})


def test_a_file_is_taken_in_read_and_told_of(api: Caller):
    answer = send(api)

    assert answer.status_code == 202
    job = answer.json()
    assert answer["Location"] == f"/api/v1/clients/imports/{job['id']}/"
    assert (job["state"], job["file_name"], job["size"]) == ("waiting", "clients.csv", len(FILE))
    assert import_runner.waiting_imports() == [job["id"]]

    stored.read(job["id"])

    found = api.get(answer["Location"]).json()
    assert (found["state"], found["created"], found["refused"]) == ("done", 1, 1)
    assert import_runner.waiting_imports() == []
    assert Client.objects.get().attributes == {"Имя": "Анна"}


def test_a_value_that_does_not_fit_its_column_is_named(api: Caller):
    rows = "".join(f"792612346{n:02};01.01.2000\n" for n in range(40))
    job = send(api, f"phone;born\n{rows}79261234567;spring\n".encode()).json()
    assert (job["misfits"], job["remarks"]) == (0, [])
    stored.read(job["id"])

    found = api.get(f"clients/imports/{job['id']}/").json()

    assert (found["created"], found["refused"], found["misfits"]) == (41, 0, 1)
    reason = "born: This is no date: write it as 2026-03-31 or 31.03.2026."
    details = {
        "code": "field_wrong",
        "params": {"field": "born", "reason": {"code": "no_date", "params": {}}},
    }
    remark = {"line": 42, "attribute": "born", "reason": reason, "reason_details": details}
    assert found["remarks"] == [remark]


def test_refused_rows_are_a_file_that_no_sheet_takes_for_formulas(api: Caller):
    job = send(api).json()
    stored.read(job["id"])

    answer = api.get(f"clients/imports/{job['id']}/refused/")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "refused-" in answer["Content-Disposition"]
    head, row, _ = answer.getvalue().decode("utf-8-sig").split("\r\n")
    assert head == "line,reason,row"
    assert row.startswith('3,"phone_number: ')
    assert row.endswith(",'=1+1,Борис")


def test_a_reason_that_begins_with_a_heading_is_no_formula(api: Caller):
    """The reason begins with the file's own heading."""
    types = json.dumps({"=1+1": "number"})
    job = send(api, b"phone;=1+1\n79261234567;spring\n", types=types).json()
    stored.read(job["id"])

    answer = api.get(f"clients/imports/{job['id']}/refused/")

    assert answer.getvalue().decode("utf-8-sig").split("\r\n")[1].startswith("2,\"'=1+1: ")


def test_one_that_is_being_read_is_hinted_at_no_more(api: Caller, transactional_db: None):
    job = send(api).json()["id"]
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [IMPORT_LOCK, job])
            assert import_runner.waiting_imports() == []
            stored.read(job)
            assert not Client.objects.exists()
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [IMPORT_LOCK, job])
    finally:
        other.close()
    assert import_runner.waiting_imports() == [job]


def test_a_preview_keeps_nothing(api: Caller):
    answer = send(api, preview="true", mapping=json.dumps({"Имя": "name"}))

    assert answer.status_code == 200
    found = answer.json()
    assert (found["format"], found["encoding"], found["separator"]) == ("csv", "utf-8", ";")
    assert found["columns"][1] == {"header": "Имя", "meaning": "attributes.name", "type": ""}
    assert found["rows"][0]["attributes"] == {"name": "Анна"}
    assert "7XXXXXXXXXX" in found["rows"][1]["problem"]
    assert not Import.objects.exists()


FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no file": ({"file": ""}, "file", "file"),
    "two files": ({"file": [b"phone\n79261110001\n", b"phone\n79261110002\n"]}, "file", "once"),
    "an option twice": ({"preview": ["true", "false"]}, "preview", "once"),
    "an unknown key": ({"file2": "x"}, "file2", "Known fields: file"),
    "a mapping that is no JSON": ({"mapping": "{"}, "mapping", "Give an object as JSON"),
    "a mapping of numbers": ({"mapping": '{"a": 1}'}, "mapping", "Give an object as JSON"),
    "a mapping with a NUL": ({"mapping": '{"a\\u0000": "tag"}'}, "mapping", "NUL"),
    "a mapping to a NUL": ({"mapping": '{"1": "\\u0000"}'}, "mapping", "NUL"),
    "a mapping with half a letter": ({"mapping": '{"\\ud800": "tag"}'}, "mapping", "half"),
    "a mapping to half a letter": ({"mapping": '{"1": "x\\udfff"}'}, "mapping", "half"),
    "a header before the file": ({"header_line": "-1"}, "header_line", "greater than or equal"),
    "a header that is not there": (
        {"header_line": "9", "preview": "true"},
        "file",
        "line 9 is not among the first 30 rows",
    ),
    "an unknown encoding": ({"encoding": "ebcdic"}, "encoding", "not a valid choice"),
    "a column that is not there": (
        {"mapping": '{"Кому": "tag"}', "preview": "true"},
        "file",
        "no column 'Кому'. There are: Телефон, Имя",
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_is_wrong_names_the_field_and_the_remedy(api: Caller, case: str):
    form, field, words = FORMS[case]
    if isinstance(files := form.get("file"), list):
        form = {"file": [SimpleUploadedFile("a.csv", content) for content in files]}

    answer = send(api, **form)

    assert answer.status_code == 400
    assert words in errors_of(answer)[field]
    assert not Import.objects.exists()


def test_a_viewer_hands_in_nothing(api: Caller):
    assert send(Caller("viewer")).status_code == 403
    assert Caller("viewer").get("clients/imports/1/").status_code == 404


def test_json_is_no_form(api: Caller):
    assert api.post("clients/imports/", {}).status_code == 415

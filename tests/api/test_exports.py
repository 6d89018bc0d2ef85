"""Clients, messages and statistics as files."""

import csv
import io
import zipfile
from typing import Any

import pytest
from django.http import HttpResponse

from tests.api.caller import Caller, errors_of
from tests.audience.import_files import counts, take
from tests.builders import make_client, make_running
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.importing.xlsx import workbook
from vestnik.audience.models import Client
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import PAUSE
from vestnik.reports.files import table_writers


def rows_of(answer: HttpResponse) -> list[list[str]]:
    content = answer.getvalue()
    if "csv" in answer["Content-Type"]:
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    return [cells for _, cells, _ in workbook.rows(io.BytesIO(content), Progress())]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_clients_come_as_a_file_that_can_be_imported_again(api: Caller, kind: str):
    make_client("79261234567", tag="vip", attributes={"Имя": "Анна", "Бонус": 5, "tag": "x"})
    make_client("79030000000", tag="", attributes={})

    answer = api.get(f"clients/export/?format={kind}", accept="text/html")

    assert f"clients.{kind}" in answer["Content-Disposition"]
    content = answer.getvalue()
    Client.objects.filter(phone_number="79030000000").delete()
    job = take(content)
    assert counts(job) == {"rows": 2, "created": 1, "unchanged": 1}
    assert Client.objects.get(phone_number="79261234567").attributes == {
        "Имя": "Анна",
        "Бонус": 5,
        "tag": "x",
    }


def test_only_the_clients_that_were_asked_for(api: Caller):
    make_client("79261234567", tag="vip")
    make_client("79030000000")
    head, *rows = rows_of(api.get("clients/export/?tag=vip"))
    assert head[:3] == ["id", "phone_number", "operator_code"]
    assert [row[1] for row in rows] == ["79261234567"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_taken_for_a_formula(api: Caller, kind: str, begins: str):
    make_client("79261234567", tag=f"{begins}1+1", attributes={f"{begins}x": f"{begins}2"})
    head, row = rows_of(api.get(f"clients/export/?format={kind}"))
    assert row[3].replace("\n", "\r") == f"'{begins}1+1"
    assert not [cell for cell in [*head, *row] if cell.startswith(tuple("=+-@\t\r\n"))]
    assert begins in "\t\r" or (head[6], row[6]) == (f"attributes.{begins}x", f"'{begins}2")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_mailings_messages_come_by_state(api: Caller, kind: str):
    mailing = make_running(clients=3)
    gone = Client.objects.order_by("id").first()
    assert gone is not None
    delete_client(gone.id)

    address = f"mailings/{mailing.id}/messages/export/?format={kind}"
    everyone = rows_of(api.get(address))
    cancelled = rows_of(api.get(f"{address}&state=cancelled"))

    assert len(everyone) == 4
    assert [dict(zip(everyone[0], row, strict=False))["state"] for row in everyone[1:]] == [
        "cancelled",
        "queued",
        "queued",
    ]
    [row] = cancelled[1:]
    found = dict(zip(cancelled[0], row, strict=True))
    assert (found["client"], found["phone_number"]) == ("", gone.phone_number)
    assert (found["text"], found["error"]) == ("Hello", "the client was deleted")


def test_a_mailings_statistics_come_as_measures(api: Caller):
    mailing = make_running(clients=3)
    mailing.move(PAUSE)
    found: dict[str, Any] = dict(rows_of(api.get(f"mailings/{mailing.id}/statistics/export/")))
    assert found["measure"] == "value"
    assert (found["state"], found["progress.matched"], found["progress.queued"]) == (
        "paused",
        "3",
        "3",
    )


def test_what_is_asked_wrongly_is_refused(api: Caller):
    assert errors_of(api.get("clients/export/?format=pdf")) == {"format": "Name csv or xlsx."}
    assert "Name a state" in errors_of(api.get("mailings/1/messages/export/?state=x"))["state"]
    assert api.get("mailings/1/messages/export/").status_code == 404
    assert Caller(None).get("clients/export/").status_code == 401


def test_what_a_sheet_cannot_hold_goes_onto_the_next(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(table_writers, "ROWS_OF_A_SHEET", 700)
    content = b"".join(table_writers.as_xlsx([n, "x\x00\uffff"] for n in range(1000)))
    assert sum(1 for _ in workbook.rows(io.BytesIO(content), Progress())) == 700
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        second = archive.read("xl/worksheets/sheet2.xml").decode()
    assert second.count("<row>") == 1 + 300
    assert second.count("<v>0</v>") == 1  # the first row is the header of each


def test_a_long_table_is_written_as_it_is_read():
    read = 0

    def table():
        nonlocal read
        for read in range(100_000):
            yield [read, "text"]

    pieces = table_writers.as_xlsx(table())
    next(pieces)
    assert read < 1_000

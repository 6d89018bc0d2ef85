"""Files of clients on the pages: handed in, their columns named, read, and what became of them."""

import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.audience.import_files import take
from tests.audience.importing.test_workbooks import Sheets, book, packed
from tests.builders import make_client
from tests.dashboard.visiting import make_user, visitor
from vestnik.audience.importing import stored
from vestnik.audience.imports import Import, ImportState
from vestnik.audience.models import Client, StopListEntry
from vestnik.dashboard.clients.importing.mapping_forms import RECOGNISED
from vestnik.dispatch.runtime import import_runner

pytestmark = pytest.mark.django_db
FILE = (
    "Телефон;Имя;Баллы\n+7 926 123-45-67;Анна;7\n12345;Борис;8\n8 926 123-45-67;Вера;9\n".encode()
)


def opened(role: str = "operator") -> Any:
    return visitor(make_user(role, role))


def text(answered: Any) -> str:
    return str(answered.content.decode())


def hand_in(browser: Any, content: bytes = FILE, into: str = "clients", name: str = "a.csv") -> Any:
    sent = {"file": SimpleUploadedFile(name, content), "into": into}
    return browser.post("/clients/import/", sent)


def draft(browser: Any, content: bytes = FILE, **more: Any) -> Import:
    answered = hand_in(browser, content, **more)
    job = Import.objects.get()
    assert answered["Location"] == f"/clients/imports/{job.id}/"
    return job


def as_sent(browser: Any, job: Import, **changed: str) -> dict[str, str]:
    """The page of the columns, as its form sends it."""
    shown = browser.get(f"/clients/imports/{job.id}/").context["draft"]
    sent = {"columns": str(len(shown.columns)), **shown.format.initial}
    del sent["mapping"]
    for column in shown.columns:
        sent |= {f"{column.prefix}-{part}": said for part, said in column.initial.items()}
    return {**sent, **changed}


def test_a_file_goes_from_hand_to_result() -> None:
    browser = opened()
    job = draft(browser)
    assert job.state == ImportState.DRAFT
    assert import_runner.waiting_imports() == []

    first = text(browser.get(f"/clients/imports/{job.id}/"))
    assert "7\u00a0926\u00a0123-45-67" in first
    assert "It has too few digits:" in first

    sent = as_sent(browser, job, **{"column-3-meaning": "tag"})
    browser.post(f"/clients/imports/{job.id}/", {**sent, "start": "1"})
    assert import_runner.waiting_imports() == [job.id]
    assert "Waits for its turn" in text(browser.get(f"/clients/imports/{job.id}/"))
    stored.read(job.id)

    shown = text(browser.get(f"/clients/imports/{job.id}/"))
    assert "1 new client" in shown
    assert "the numbers add up" in shown
    assert "Line 2 has this number already" in shown
    client = Client.objects.get()
    assert (client.tag, client.attributes) == ("7", {"Имя": "Анна"})


def test_what_is_said_of_the_columns_is_kept_until_it_is_started() -> None:
    browser = opened()
    job = draft(browser)

    sent = as_sent(browser, job, **{"column-2-name": "name", "column-3-meaning": ""})
    browser.post(f"/clients/imports/{job.id}/", sent, headers={"HX-Request": "true"})

    columns = browser.get(f"/clients/imports/{job.id}/").context["draft"].columns
    assert [c.stated_type() for c in columns] == ["phone_number", "attributes.name", ""]
    assert not Client.objects.exists()


def test_a_heading_that_is_read_from_right_to_left_has_its_fields() -> None:
    browser = opened()
    job = draft(browser, "телефон;שם\n+7 926 123-45-67;דוד\n".encode())

    page = text(browser.get(f"/clients/imports/{job.id}/"))

    assert '<input type="text" name="column-2-name" value="שם"' in page
    assert "&lt;input" not in page


def test_the_type_of_a_column_is_recognised_shown_and_changeable() -> None:
    browser = opened()
    file = "phone;born;sum\n79261234567;21.03.1988;4 512,29\n79261234568;весна;1\n"
    job = draft(browser, file.encode())
    columns = browser.get(f"/clients/imports/{job.id}/").context["draft"].columns
    assert [c.chosen_type() for c in columns] == ["", "", RECOGNISED]
    page = text(browser.get(f"/clients/imports/{job.id}/"))
    assert '<option value="recognised" selected>recognised: number</option>' in page

    sent = as_sent(browser, job, **{"column-2-type": "date"})
    shown = text(browser.post(f"/clients/imports/{job.id}/", sent))
    browser.post(f"/clients/imports/{job.id}/", {**sent, "start": "1"})
    stored.read(job.id)

    assert "born: This is no date" in shown
    job.refresh_from_db()
    assert (job.created, job.refused) == (1, 1)
    assert Client.objects.get().attributes == {"born": "1988-03-21", "sum": 4512.29}


def test_types_are_recognised_by_the_rows_that_the_import_looks_at() -> None:
    """Of which the page shows some: by ten rows these are dates, and all others were refused."""
    browser = opened()
    rows = "".join(f"792612345{n:02};01.01.2000\n" for n in range(12))
    job = draft(browser, f"phone;born\n{rows}79031234567;spring\n".encode())
    shown = browser.get(f"/clients/imports/{job.id}/").context["draft"]
    assert [column.chosen_type() for column in shown.columns] == ["", ""]
    assert len(shown.lines) == 10

    browser.post(f"/clients/imports/{job.id}/", {**as_sent(browser, job), "start": "1"})
    stored.read(job.id)

    job.refresh_from_db()
    assert (job.created, job.refused, job.misfits) == (13, 0, 0)


def test_values_that_do_not_fit_a_recognised_column_are_remarks_on_the_pages_too() -> None:
    browser = opened()
    rows = "".join(f"792612346{n:02};01.01.2000\n" for n in range(40))
    job = draft(browser, f"phone;born\n{rows}79261234567;spring\n".encode())

    browser.post(f"/clients/imports/{job.id}/", {**as_sent(browser, job), "start": "1"})
    stored.read(job.id)

    job.refresh_from_db()
    assert (job.created, job.refused, job.misfits) == (41, 0, 1)


def test_a_number_without_a_name_is_known_by_its_form() -> None:
    browser = opened()
    job = draft(browser, b"who,how\nAnna,89261234567\n")
    columns = browser.get(f"/clients/imports/{job.id}/").context["draft"].columns
    assert [c.stated_type() for c in columns] == ["attributes.who", "phone_number"]


def test_a_bare_list_of_numbers_needs_no_header() -> None:
    browser = opened()
    job = draft(browser, b"89261234567\n89051234567\n")

    browser.post(f"/clients/imports/{job.id}/", {**as_sent(browser, job), "start": "1"})
    stored.read(job.id)

    assert Client.objects.count() == 2


def test_without_a_number_it_does_not_start() -> None:
    browser = opened()
    job = draft(browser)

    sent = as_sent(browser, job, **{"column-1-meaning": ""})
    answered = browser.post(f"/clients/imports/{job.id}/", {**sent, "start": "1"})

    assert answered.status_code == 422
    assert "no column is named as the phone number" in text(answered)
    job.refresh_from_db()
    assert job.state == ImportState.DRAFT


def test_another_encoding_and_separator_are_read_anew() -> None:
    browser = opened()
    job = draft(browser, "Телефон,Имя\n89261234567,Анна\n".encode("cp1251"))
    assert job.options["encoding"] == "cp1251"

    sent = as_sent(browser, job, separator=";")
    browser.post(f"/clients/imports/{job.id}/", sent)

    shown = browser.get(f"/clients/imports/{job.id}/").context["draft"]
    assert [column.title for column in shown.columns] == ["Телефон,Имя"]


def start(browser: Any, job: Import, **changed: str) -> Any:
    sent = {**as_sent(browser, job, **changed), "start": "1"}
    answered = browser.post(f"/clients/imports/{job.id}/", sent)
    if job.id in import_runner.waiting_imports():
        stored.read(job.id)
    return answered


def test_a_file_without_a_header_loses_no_client() -> None:
    browser = opened()
    job = draft(browser, "79261110001;Анна\n79261110002;Борис\n".encode())
    shown = browser.get(f"/clients/imports/{job.id}/")
    assert [column.stated_type() for column in shown.context["draft"].columns] == [
        "phone_number",
        "",
    ]
    assert "none: the first row is a client" in text(shown)
    assert "Анна" in text(shown)

    start(browser, job, **{"column-2-meaning": "attribute", "column-2-name": "Имя"})

    assert set(Client.objects.values_list("phone_number", "attributes__Имя")) == {
        ("79261110001", "Анна"),
        ("79261110002", "Борис"),
    }
    assert "no header" in text(browser.get(f"/clients/imports/{job.id}/"))


def test_the_line_of_the_header_is_found_and_chosen() -> None:
    browser = opened()
    job = draft(browser, "Клиенты\nТелефон;Имя\nКому;Кто\n79261110001;Анна\n".encode())
    address = f"/clients/imports/{job.id}/"
    shown = browser.get(address).context["draft"]
    assert (shown.read, [c.title for c in shown.columns]) == ("2 ", ["Телефон", "Имя"])

    sent = {**as_sent(browser, job), "read": shown.read, "header_line": "3"}
    assert browser.post(address, {**sent, "start": "1"}).status_code == 422
    anew = browser.get(address).context["draft"]
    assert [c.title for c in anew.columns] == ["Кому", "Кто"]
    assert [c.stated_type() for c in anew.columns] == ["phone_number", "attributes.Кто"]

    start(browser, job, header_line="3")
    assert Client.objects.get().attributes == {"Кто": "Анна"}
    job.refresh_from_db()
    assert (job.rows, job.read_as["header_line"]) == (1, 3)


def test_one_of_several_sheets_is_chosen() -> None:
    browser = opened()
    sheets: Sheets = [
        ("Москва", "visible", [["Телефон"], ["79261110001"]]),
        ("Омск", "visible", [["Отчёт"], ["Кто", "Номер"], ["Вера", "79261110002"]]),
        ("Старые", "hidden", [["Телефон"], ["79261110003"]]),
    ]
    job = draft(browser, packed(book(sheets)), name="a.xlsx")
    address = f"/clients/imports/{job.id}/"
    assert "Several sheets hold clients" in text(browser.get(address))
    assert start(browser, job).status_code == 422

    browser.post(address, as_sent(browser, job, sheet="Омск"), headers={"HX-Request": "true"})
    shown = browser.get(address)
    assert [c.title for c in shown.context["draft"].columns] == ["Кто", "Номер"]
    assert "Старые (hidden)" in text(shown)

    start(browser, job, sheet="Омск")
    assert Client.objects.get().phone_number == "79261110002"
    told = text(browser.get(address))
    assert "sheets not read: Москва, Старые" in told


def test_the_encoding_is_shown_and_chosen() -> None:
    browser = opened()
    content = "Телефон;Имя\n79261110001;Анна\n79261110002;Борис Иванов\n".encode("koi8-r")
    job = draft(browser, content)
    assert job.options["encoding"] == "koi8-r"

    start(browser, job, encoding="cp866")

    job.refresh_from_db()
    assert (job.state, job.read_as["encoding"]) == ("done", "cp866")


def test_headings_that_are_digits_mean_nothing() -> None:
    browser = opened()
    job = draft(browser, b"3;2;phone\nx;y;79261110001\n")

    start(browser, job, **{"column-1-meaning": "", "column-2-meaning": "tag"})

    client = Client.objects.get()
    assert (client.tag, client.attributes) == ("y", {})


def test_a_look_at_the_rows_swaps_nothing_that_is_being_chosen() -> None:
    browser = opened()
    job = draft(browser)
    address, look = f"/clients/imports/{job.id}/", {"HX-Request": "true"}
    shown = browser.get(address).context["draft"]
    sent = {**as_sent(browser, job), "head": shown.head}

    renamed = browser.post(address, {**sent, "column-3-meaning": "tag"}, headers=look)
    parted = browser.post(address, {**sent, "separator": ","}, headers=look)

    assert "HX-Retarget" not in renamed
    assert (parted["HX-Retarget"], parted["HX-Reselect"]) == ("#columns", "#columns")


def test_columns_that_nobody_has_seen_are_not_imported() -> None:
    browser = opened()
    job = draft(browser)

    sent = as_sent(browser, job, columns="2")  # as another separator had parted it
    answered = browser.post(f"/clients/imports/{job.id}/", {**sent, "start": "1"})

    assert answered.status_code == 422
    assert "The columns of the file have changed" in text(answered)
    assert import_runner.waiting_imports() == []


def test_what_another_tab_has_started_is_gone_to_as_a_whole() -> None:
    browser = opened()
    job = draft(browser)
    address, sent = f"/clients/imports/{job.id}/", as_sent(browser, job)
    browser.post(address, {**sent, "start": "1"})

    answered = browser.post(address, sent, headers={"HX-Request": "true"})

    assert (answered.status_code, answered["HX-Redirect"]) == (204, address)


@pytest.mark.django_db(transaction=True)
def test_a_look_that_comes_during_the_start_changes_nothing_of_what_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = opened()
    job = draft(browser)
    address, sent = f"/clients/imports/{job.id}/", as_sent(browser, job)

    def look() -> None:
        twin = visitor()
        twin.cookies = browser.cookies
        twin.post(address, {**sent, "column-3-meaning": "tag"}, headers={"HX-Request": "true"})
        connection.close()

    looking, start = threading.Thread(target=look), stored.start

    def start_slowly(import_id: int) -> bool:
        looking.start()
        looking.join(1)
        return start(import_id)

    monkeypatch.setattr(stored, "start", start_slowly)
    browser.post(address, {**sent, "start": "1"})
    looking.join()

    job.refresh_from_db()
    assert (job.state, job.options["mapping"]["3"]) == (ImportState.WAITING, "attributes.Баллы")


def test_numbers_go_onto_the_stop_list() -> None:
    browser = opened()
    content = b"phone,reason,city\n89261234567,asked,Kazan\n"
    job = draft(browser, content, into="stop_list")

    browser.post(f"/clients/imports/{job.id}/", {**as_sent(browser, job), "start": "1"})
    stored.read(job.id)

    entry = StopListEntry.objects.get()
    assert (entry.phone_number, entry.reason) == ("79261234567", "asked")
    assert "1 number is new on the stop list" in text(browser.get(f"/clients/imports/{job.id}/"))
    assert "from a file" in text(browser.get("/stop-list/"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (b"%PDF-1.7", "This is a PDF"),
        (b"PK\x03\x04 broken", "This XLSX file is damaged"),
        (b"\x1f\x8b", "packed by gzip"),
    ],
)
def test_what_is_no_list_is_told_beside_the_field(content: bytes, why: str) -> None:
    answered = hand_in(opened(), content)
    assert answered.status_code == 422
    assert why in text(answered)
    assert not Import.objects.exists()


def test_of_two_files_none_is_taken() -> None:
    """As when two are dropped onto the field: the first was forgotten without a word."""
    files = [SimpleUploadedFile(f"{name}.csv", FILE) for name in ("first", "second")]
    answered = opened().post("/clients/import/", {"file": files, "into": "clients"})
    assert answered.status_code == 422
    assert "These are several files. Choose one file at a time." in text(answered)
    assert not Import.objects.exists()


def test_a_file_that_fails_later_says_why() -> None:
    browser = opened()
    job = draft(browser)
    Import.objects.update(state="failed", error="This is a PDF: nothing we know.")
    shown = text(browser.get(f"/clients/imports/{job.id}/"))
    assert "Nothing was imported from this file" in shown
    assert "nothing we know" in shown


def test_a_draft_is_discarded_and_only_once_started() -> None:
    browser = opened()
    job = draft(browser)
    browser.post(f"/clients/imports/{job.id}/", {"discard": "1"})
    assert not Import.objects.exists()

    job = draft(browser)
    Import.objects.update(state="done")
    browser.post(f"/clients/imports/{job.id}/", {"discard": "1"})
    assert Import.objects.exists()


def test_the_open_page_asks_for_its_part_until_it_has_ended() -> None:
    browser = opened()
    job = draft(browser)
    Import.objects.update(state="running", percent=40, rows=50_000)

    part = text(browser.get(f"/clients/imports/{job.id}/", headers={"HX-Request": "true"}))

    assert part.lstrip().startswith("<div")
    assert f'data-topic="import:{job.id}"' in part
    assert 'hx-trigger="live-state from:body"' in part
    assert "40 %, 50,000 rows" in part
    Import.objects.update(state="done")
    assert "hx-trigger" not in text(
        browser.get(f"/clients/imports/{job.id}/", headers={"HX-Request": "true"})
    )


def test_refused_rows_are_a_file_in_the_readers_language() -> None:
    browser = opened()
    job = draft(browser, b"phone,name\nabc,=1+1\n")
    browser.post(f"/clients/imports/{job.id}/", {**as_sent(browser, job), "start": "1"})
    stored.read(job.id)
    address = f"/clients/imports/{job.id}/refused/"

    answered = browser.get(address, headers={"accept-language": "ru"})

    rows = answered.getvalue().decode("utf-8-sig").split("\r\n")
    assert rows[1].startswith("2;Номер телефона: В номере есть буква.")
    assert rows[1].endswith(";abc;'=1+1")


def test_values_that_do_not_fit_their_column_are_named() -> None:
    """Of a file whose types nobody chose: the API's and the command's."""
    browser = opened()
    rows = "".join(f"792612346{n:02};01.01.2000\n" for n in range(40))
    job = take(f"phone;born\n{rows}79261234567;spring\n".encode())

    address = f"/clients/imports/{job.id}/"
    shown = text(browser.get(address))
    assert "1 value does not fit the type of its column" in shown
    assert "born: This is no date: write it as 2026-03-31 or 31.03.2026." in shown
    russian = text(browser.get(address, headers={"accept-language": "ru"}))
    assert "1 значение не подходит под тип своего столбца" in russian
    assert "born: это не дата" in russian


def test_a_viewer_sees_what_there_was_and_hands_nothing_in() -> None:
    job = draft(opened())
    viewer = opened("viewer")
    assert "Only operators and admins can import files." in text(viewer.get("/clients/import/"))
    assert "a.csv" in text(viewer.get("/clients/import/"))
    assert "not started yet" in text(viewer.get(f"/clients/imports/{job.id}/"))
    assert hand_in(viewer).status_code == 403
    assert viewer.post(f"/clients/imports/{job.id}/", {"start": "1"}).status_code == 403


def test_nonsense_is_answered() -> None:
    browser = opened()
    job = draft(browser)
    address = f"/clients/imports/{job.id}/"
    assert browser.get("/clients/imports/999/").status_code == 404
    assert browser.get(f"/clients/imports/{10**30}/refused/").status_code == 404
    assert browser.get("/clients/import/?into=mars&cursor=x").status_code == 200
    for sent in ({}, {"columns": "x"}, {"encoding": "klingon", "separator": "abc", "start": "1"}):
        assert browser.post(address, sent).status_code in (200, 302, 422)
    assert browser.post("/clients/import/", {"into": "mars"}).status_code == 422


def test_the_pages_ask_little(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    make_client("79261234567")
    browser = opened()
    job = draft(browser)
    for address in ("/clients/import/", f"/clients/imports/{job.id}/"):
        with django_assert_max_num_queries(12):
            assert browser.get(address).status_code == 200


def test_a_draft_that_nobody_starts_is_forgotten() -> None:
    job = draft(opened())
    Import.objects.filter(id=job.id).update(created_at="2020-01-01T00:00Z")
    stored.forget_old()
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"column-2-meaning": "gone"}, "Column 2"),
        ({"column-2-type": "gone"}, "Column 2"),
        ({"column-2-meaning": "attribute", "column-2-name": "n" * 300}, "Column 2"),
        ({"encoding": "gone"}, "Encoding"),
        ({"numbers_without_sms": "gone"}, "Landline"),
    ],
)
def test_what_the_page_says_and_nobody_can_read_is_not_taken_for_a_guess(
    changed: dict[str, str], named: str
) -> None:
    browser = opened()
    job = draft(browser)

    answered = browser.post(
        f"/clients/imports/{job.id}/", as_sent(browser, job, start="1") | changed
    )

    job.refresh_from_db()
    assert (answered.status_code, job.state) == (422, ImportState.DRAFT)
    assert named in text(answered).partition('id="problem"')[2].partition("</div>")[0]

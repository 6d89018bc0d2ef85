"""Clients on the pages: found, shown, changed, stopped and erased."""

import html
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.builders import counts, make_client, make_clients, make_running
from tests.dashboard.visiting import make_user, visitor
from vestnik.audience.models import Client, SavedAudience, StopListEntry
from vestnik.audience.stop_list import Source, hash_of
from vestnik.dashboard.clients import search
from vestnik.dispatch.suppress.opt_out import stop_numbers

pytestmark = pytest.mark.django_db
NUMBER = "79261234567"
SHOWN = "7\u00a0926\u00a0123-45-67"
HOSTILE = ["\x00", "a'b\"", "%_", "9" * 500, "١٢٣", "<script>", "79261234567;"]


def opened(role: str = "operator") -> Any:
    return visitor(make_user(role, role))


def text(answered: Any) -> str:
    return str(answered.content.decode())


def attribute(*rows: tuple[str, str, str]) -> dict[str, Any]:
    """Rows of attributes, as the form sends them."""
    sent: dict[str, Any] = {"attribute": [str(n) for n in range(len(rows))]}
    for n, (name, kind, value) in enumerate(rows):
        parts = {"name": name, "kind": kind, "value": value}
        sent |= {f"attribute-{n}-{part}": given for part, given in parts.items()}
    return sent


def form(**fields: Any) -> dict[str, Any]:
    return {"phone_number": NUMBER, "operator_code": "", "tag": "", "timezone": "", **fields}


# --- the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", ["1234567", "926 123", "8 (926) 123-45-67", "+7 926 123", "4567", "8926123"]
)
def test_a_client_is_found_by_any_part_of_the_number(written: str) -> None:
    make_client(NUMBER)
    make_client("79050000000")

    found = text(opened().get("/clients/", {"q": written}))

    assert SHOWN in found
    assert "7\u00a0905" not in found


def test_filters_narrow_each_other() -> None:
    saved = SavedAudience.objects.create(name="Kazan", filter={"attributes": {"city": "Kazan"}})
    make_client(NUMBER, tag="vip", attributes={"city": "Kazan"})
    make_client("79261234568", tag="vip", attributes={"city": "Ufa"})
    make_client("79051234567", tag="vip", attributes={"city": "Kazan"})

    asked = {"code": "926", "tag": "vip", "audience": saved.id, "q": "123"}
    found = text(opened().get("/clients/", asked))

    assert "1 client" in found
    assert SHOWN in found


def test_pages_follow_one_another() -> None:
    make_clients(60)
    browser = opened()

    first = browser.get("/clients/")
    second = browser.get(first.context["listed"].older)

    shown = [client.id for page in (first, second) for client in page.context["listed"].rows]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 60
    assert browser.get(second.context["listed"].newer).context["listed"].rows[0].id == shown[0]


def test_of_many_the_count_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_COUNTED", 10)
    monkeypatch.setattr(search, "MOST_EXACT", 11)
    make_clients(12)
    connection.cursor().execute("ANALYZE audience_client")
    browser = opened()

    assert "about 12 clients" in text(browser.get("/clients/"))
    assert "more than 10 clients" in text(browser.get("/clients/", {"q": "900"}))
    assert "1 client" in text(browser.get("/clients/", {"q": "79000000007"}))


def test_without_clients_the_page_says_how_to_begin() -> None:
    found = text(opened().get("/clients/"))
    assert "There are no clients yet" in found
    assert "/clients/import/" in found


@pytest.mark.parametrize("field", ["q", "code", "tag", "audience", "cursor", "format"])
@pytest.mark.parametrize("given", HOSTILE)
def test_hostile_searches_are_answered(field: str, given: str) -> None:
    make_client(NUMBER)
    browser = opened()
    assert browser.get("/clients/", {field: given}).status_code == 200
    assert browser.get("/clients/export/", {field: given}).status_code in (200, 404)
    assert browser.get("/stop-list/", {field: given}).status_code == 200


@pytest.mark.parametrize(
    "query", ["audience=99999", "audience=x", "code=9", "tag=" + "x" * 101, "q=" + "x" * 101]
)
def test_what_cannot_be_asked_is_not_everybody(query: str) -> None:
    make_client(NUMBER)
    browser = opened()

    assert browser.get(f"/clients/export/?{query}").status_code == 404
    assert not browser.get(f"/clients/?{query}").context["listed"].rows


def test_what_is_found_is_taken_home() -> None:
    make_client(NUMBER, tag="vip", attributes={"city": "Kazan"})
    make_client("79050000000")

    answered = opened().get("/clients/export/", {"q": "926", "format": "csv"})

    head, row, _ = answered.getvalue().decode("utf-8-sig").split("\r\n")
    assert head.endswith(";city;exact_values")
    assert NUMBER in row
    assert "xlsx" in opened("viewer").get("/clients/export/?format=xlsx")["Content-Disposition"]


@pytest.mark.parametrize("address", ["/clients/", "/clients/?q=9&code=900&tag=x", "/stop-list/"])
def test_a_page_asks_little(
    address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_clients(60)
    stop_numbers(Client.objects.values_list("phone_number", flat=True)[:55], Source.API)
    browser = opened()
    with django_assert_max_num_queries(12):
        assert browser.get(address).status_code == 200


# --- one client ----------------------------------------------------------------------------------


def test_a_client_and_what_they_got(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    mailing = make_running(clients=1, text="Hello there")
    client = Client.objects.get()
    Client.objects.update(timezone="Asia/Omsk", attributes={"city": "Omsk", "vip": True})
    browser = opened()

    with django_assert_max_num_queries(12):
        found = text(browser.get(f"/clients/{client.id}/"))

    assert "Omsk, UTC+6" in found
    assert "Hello there" in found
    assert f"/mailings/{mailing.id}/" in found
    assert "queued" in found


@pytest.mark.parametrize("id", [0, 999, 10**30])
def test_who_does_not_exist_is_not_found(id: int) -> None:
    browser = opened("admin")
    for part in ("", "edit/", "stop/", "erase/"):
        assert browser.get(f"/clients/{id}/{part}").status_code == 404
    assert browser.get(f"/stop-list/{id}/remove/").status_code == 404


def test_a_viewer_is_told_who_may() -> None:
    client = make_client(NUMBER)
    browser = opened("viewer")

    found = text(browser.get(f"/clients/{client.id}/"))

    assert "Only operators and admins can add and change clients." in found
    assert f"/clients/{client.id}/edit/" not in found
    assert browser.get(f"/clients/{client.id}/edit/").status_code == 403
    assert browser.post("/stop-list/", {"numbers": NUMBER}).status_code == 403


# --- adding and changing -------------------------------------------------------------------------


def test_a_client_is_added_however_the_number_is_written() -> None:
    sent = form(phone_number="8 (926) 123-45-67", tag="vip")
    rows = attribute(("age", "number", "42"), ("code", "text", "007"), ("vip", "flag", "yes"))

    answered = opened().post("/clients/add/", sent | rows)

    client = Client.objects.get()
    assert answered["Location"] == f"/clients/{client.id}/"
    assert (client.phone_number, client.operator_code, client.tag) == (NUMBER, "926", "vip")
    assert client.timezone == "Europe/Moscow"
    assert client.attributes == {"age": 42, "code": "007", "vip": True}


def marks_on(browser: Any, address: str) -> str:
    """What the page carries of what it shows."""
    return html.unescape(text(browser.get(address)).split('name="shown" value="')[1].split('"')[0])


def test_what_another_has_changed_meanwhile_stays() -> None:
    client = make_client(NUMBER, tag="vip", attributes={"a": 1, "b": "x", "c": "y"})
    browser = opened()
    address = f"/clients/{client.id}/edit/"
    shown = marks_on(browser, address)
    theirs = {"a": 2, "b": "x", "c": "y", "d": "new"}
    Client.objects.update(tag="theirs", timezone="Asia/Omsk", attributes=theirs)

    mine = attribute(("a", "number", "1"), ("c", "text", "mine"), ("e", "flag", "yes"))
    sent = form(operator_code="999", tag="vip", timezone=client.timezone, shown=shown)
    browser.post(address, sent | mine)

    client.refresh_from_db()
    assert (client.operator_code, client.tag, client.timezone) == ("999", "theirs", "Asia/Omsk")
    assert client.attributes == {"a": 2, "c": "mine", "d": "new", "e": True}


def test_what_two_have_changed_is_asked_about() -> None:
    client = make_client(NUMBER, tag="old", attributes={"a": "old", "gone": "old", "same": "old"})
    browser = opened()
    address = f"/clients/{client.id}/edit/"
    shown = marks_on(browser, address)
    theirs = {"a": "theirs", "gone": "theirs", "same": "both"}
    Client.objects.update(tag="theirs", attributes=theirs)

    rows = attribute(("a", "text", "mine"), ("same", "text", "both"))
    mine = form(tag="mine", timezone=client.timezone, shown=shown) | rows
    refused = browser.post(address, mine)

    page = html.unescape(text(refused))
    assert refused.status_code == 422
    assert page.count("has changed this in the meantime. Now it is: theirs.") == 3
    client.refresh_from_db()
    assert (client.tag, client.attributes) == ("theirs", theirs)
    renewed = page.split('name="shown" value="')[1].split('">')[0]
    assert browser.post(address, mine | {"shown": renewed}).status_code == 302
    client.refresh_from_db()
    assert (client.tag, client.attributes) == ("mine", {"a": "mine", "same": "both"})


def test_too_many_attributes_of_two_people_are_refused() -> None:
    client = make_client(NUMBER)
    browser = opened()
    address = f"/clients/{client.id}/edit/"
    shown = marks_on(browser, address)
    Client.objects.update(attributes={"theirs": "x" * 9000})

    mine = attribute(("mine", "text", "x" * 9000))
    answered = browser.post(address, form(shown=shown) | mine)

    assert answered.status_code == 422
    client.refresh_from_db()
    assert list(client.attributes) == ["theirs"]


def test_types_outlive_a_change() -> None:
    attributes = {"a": 1, "b": 1.5, "c": "1", "d": True, "e": None, "f": {"g": [1, "x"]}}
    client = make_client(NUMBER, attributes=attributes)
    browser = opened()
    rows = browser.get(f"/clients/{client.id}/edit/").context["rows"].rows

    kept = attribute(*((r.initial["name"], r.initial["kind"], r.initial["value"]) for r in rows))
    browser.post(f"/clients/{client.id}/edit/", form(timezone="Europe/Moscow") | kept)

    client.refresh_from_db()
    assert client.attributes == attributes


def test_the_code_follows_a_new_number_unless_it_was_ported() -> None:
    own, ported = make_client("79051234567"), make_client("79161234567", operator_code="903")
    browser = opened()

    browser.post(f"/clients/{own.id}/edit/", form(operator_code="905"))
    sent = form(phone_number="79261234568", operator_code="903")
    browser.post(f"/clients/{ported.id}/edit/", sent)

    own.refresh_from_db()
    ported.refresh_from_db()
    assert (own.operator_code, ported.operator_code) == ("926", "903")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"phone_number": "12345"}, "too few digits"),
        ({"phone_number": "\x00"}, "Null characters"),
        ({"operator_code": "9x"}, "Write three digits"),
        ({"timezone": "Mars/Base"}, "Select a valid choice"),
        ({"tag": "x" * 101}, "at most 100"),
        (attribute(("age", "number", "many")), "Write a number"),
        (attribute(("age", "number", "NaN")), "Write a number"),
        (attribute(("vip", "flag", "maybe")), "Write yes or no."),
        (attribute(("x", "json", "{")), "This is not valid JSON."),
        (attribute(("x", "json", "[" * 2000)), "This is not valid JSON."),
        (attribute(("x", "json", "[[[[[[[[[1]]]]]]]]]")), "Nest it at most"),
        (attribute(("x", "json", '"\\u0000"')), "Leave out the NUL"),
        (attribute(("x", "json", '{"\\u0000": 1}')), "Leave out the NUL"),
        (attribute(("x", "json", '["\\ud800"]')), "Leave out the unpaired surrogate"),
        (attribute(("x", "json", "1e999")), "one is too large"),
        (attribute(("x", "json", "[-1e999]")), "one is too large"),
        (attribute(("x", "json", "NaN")), "This is not valid JSON."),
        (attribute(("x", "json", '{"a": 1, "a": 2}')), "A key is given twice"),
        (attribute(("x", "number", "1e999")), "Write a number"),
        (attribute(("x", "text", "\x00")), "Null characters"),
        (attribute(("", "text", "x")), "Give it a name."),
        (attribute(("x", "text", "1"), ("x", "text", "2")), "this name above"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(fields: dict[str, Any], said: str) -> None:
    answered = opened().post("/clients/add/", form() | fields)

    assert answered.status_code == 422
    assert said in text(answered)
    assert not Client.objects.exists()


def test_a_number_that_is_taken_is_told_so() -> None:
    make_client(NUMBER)
    answered = opened().post("/clients/add/", form())
    assert answered.status_code == 422
    assert "Another client has this number." in text(answered)


def test_rows_are_added_and_removed_without_losing_what_was_written() -> None:
    browser = opened()
    sent = form(tag="vip") | attribute(("a", "text", "1"), ("b", "text", "2"))

    added = text(browser.post("/clients/add/", sent | {"add": "1"}))
    removed = text(browser.post("/clients/add/", sent | {"remove": "0"}))

    assert added.count('name="attribute"') == 3
    assert removed.count('name="attribute"') == 1
    assert 'value="2"' in removed
    assert 'value="vip"' in removed
    assert not Client.objects.exists()


# --- the stop list, and erasure ------------------------------------------------------------------


def test_a_client_is_put_on_the_stop_list_and_what_is_queued_is_taken_back() -> None:
    mailing = make_running(clients=2)
    client = Client.objects.order_by("id").first()
    assert client is not None
    browser = opened()
    assert "revoked at once" in text(browser.get(f"/clients/{client.id}/stop/"))

    browser.post(f"/clients/{client.id}/stop/", {"reason": "asked"})

    entry = StopListEntry.objects.get()
    assert (entry.phone_number, entry.source, entry.reason) == (
        client.phone_number,
        Source.PAGES,
        "asked",
    )
    assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert "by an operator: asked" in text(browser.get(f"/clients/{client.id}/"))


def test_only_an_admin_takes_a_number_off() -> None:
    client = make_client(NUMBER)
    stop_numbers([NUMBER], Source.INBOUND)
    entry = StopListEntry.objects.get()
    assert opened().post(f"/stop-list/{entry.id}/remove/").status_code == 403
    admin = opened("admin")
    assert "wrote a stop word" in text(admin.get(f"/stop-list/{entry.id}/remove/"))

    answered = admin.post(f"/stop-list/{entry.id}/remove/")

    assert answered["Location"] == f"/clients/{client.id}/"
    assert not StopListEntry.objects.exists()


def test_several_numbers_are_put_on_the_list() -> None:
    stop_numbers([NUMBER], Source.API)
    sent = {"numbers": "8 926 123-45-67\n+7 905 000-00-00, 79050000001", "reason": "x"}

    answered = opened().post("/stop-list/", sent, follow=True)

    assert "2 numbers are put on the stop list. 1 was on it already." in text(answered)
    assert StopListEntry.objects.count() == 3


@pytest.mark.parametrize("numbers", ["", "12", "79261234567\nabc", "\x00", "9" * 50000])
def test_wrong_numbers_stop_nobody(numbers: str) -> None:
    answered = opened().post("/stop-list/", {"numbers": numbers})
    assert answered.status_code == 422
    assert not StopListEntry.objects.exists()


def test_an_erased_client_is_gone_and_found_on_the_list_by_the_whole_number() -> None:
    client = make_client(NUMBER)
    stop_numbers([NUMBER], Source.PAGES, "asked")
    assert opened().post(f"/clients/{client.id}/erase/").status_code == 403
    admin = opened("admin")
    assert "a hash" in text(admin.get(f"/clients/{client.id}/erase/"))

    answered = admin.post(f"/clients/{client.id}/erase/", follow=True)

    assert "The client is erased." in text(answered)
    assert not Client.objects.exists()
    assert "erased client" in text(admin.get("/stop-list/"))
    assert hash_of(NUMBER)[:8] in text(admin.get("/stop-list/", {"q": NUMBER}))
    assert "Not on the stop list" in text(admin.get("/stop-list/", {"q": NUMBER[:-1]}))


def test_a_confirmation_comes_as_a_part_for_the_dialog() -> None:
    client = make_client(NUMBER)
    part = text(opened().get(f"/clients/{client.id}/stop/", headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert 'id="dialog-title"' in part

"""Saved audiences: listed, counted, made, renamed, deleted."""

import html
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from tests.builders import make_client, make_mailing
from tests.dashboard.mailings.writing import browser, condition, written
from vestnik.audience.models import AttributeType, SavedAudience
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db

LIST = "/clients/audiences/"
NEW = "/clients/audiences/new/"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    cache.clear()


def saved(name: str = "VIP", **audience: Any) -> SavedAudience:
    return SavedAudience.objects.create(name=name, filter=audience or {"tags": ["vip"]})


def tagged(tag: str = "vip", **fields: Any) -> dict[str, Any]:
    row = condition("include", 0, what="tag", values=[tag])
    return {"rows": "1", "include": ["0"], **row, **fields}


def test_audiences_are_listed_in_words_and_counted_one_by_one(
    django_assert_max_num_queries: Any,
) -> None:
    one = saved(tags=["vip"], exclude={"operator_codes": ["926"]})
    for n in range(60):
        saved(f"Audience {n:02}")
    opened = browser()
    make_client("79161234567", tag="vip")

    with django_assert_max_num_queries(12):
        found = opened.get(LIST).content.decode()
    further = opened.get(f"{LIST}?after=50").content.decode()
    part = {"HX-Request": "true"}
    count = opened.get(f"{LIST}{one.id}/count/", headers=part).content.decode()

    assert "?after=50" in found
    assert "except: prefix 926" in further
    assert f"/mailings/new/?audience={one.id}" in further
    assert count.strip() == "1 client"


def test_a_count_that_is_opened_in_a_tab_is_a_page() -> None:
    one = saved("Those of Kazan", tags=["vip"])
    make_client("79161234567", tag="vip")

    page = browser().get(f"{LIST}{one.id}/count/").content.decode()

    assert "<h1><bdi>Those of Kazan</bdi></h1>" in page
    assert "1 client" in page
    assert 'aria-current="page"' in page


def test_an_empty_list_says_how_to_begin() -> None:
    assert NEW in browser().get(LIST).content.decode()
    assert NEW not in browser("viewer").get(LIST).content.decode()


def test_an_audience_is_made() -> None:
    answer = browser().post(NEW, tagged(name=" VIP ", do="save"), follow=True)

    assert "“VIP” is saved" in answer.content.decode()
    assert SavedAudience.objects.get().filter == {"tags": ["vip"]}


def test_an_audience_is_renamed_and_changed() -> None:
    one = saved()
    opened = browser()
    assert 'value="vip"' in opened.get(f"{LIST}{one.id}/").content.decode()

    answer = opened.post(f"{LIST}{one.id}/", tagged("gold", name="Gold", do="save"))

    one.refresh_from_db()
    assert answer.status_code == 302
    assert (one.name, one.filter) == ("Gold", {"tags": ["gold"]})


@pytest.mark.parametrize(
    ("form", "remedy"),
    [
        (tagged(name="Taken"), "Another audience has this name"),
        (tagged(name=" "), "cannot be blank"),
        (tagged(name="x" * 201), "at most 200"),
        (tagged("", name="New"), "Give a value"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(form: dict[str, Any], remedy: str) -> None:
    saved("Taken")
    one = saved("Mine")
    opened = browser()

    for address in (NEW, f"{LIST}{one.id}/"):
        found = opened.post(address, {**form, "do": "save"}).content.decode()
        assert remedy in found
        assert f'value="{form["name"].strip()}"' in found
    one.refresh_from_db()
    assert one.name == "Mine"


def test_rows_are_added_and_clients_counted_without_javascript() -> None:
    make_client(tag="vip")
    opened = browser()

    added = opened.post(NEW, tagged(name="VIP", add="exclude")).content.decode()
    counted = opened.post(NEW, tagged(name="VIP", count="1")).content.decode()

    assert 'name="exclude-0-what"' in added
    assert "1 client" in counted
    assert not SavedAudience.objects.exists()


def test_the_builder_is_counted_as_it_stands() -> None:
    make_client(tag="vip")
    opened = browser()

    assert b"1 client" in opened.post(f"{LIST}count/", tagged()).content
    assert b"1 client" not in opened.post(f"{LIST}count/", tagged("")).content


@pytest.mark.parametrize(
    ("declared", "value", "bound", "hint"),
    [
        ("", "21.03.1988", "2000", "0: this attribute is text"),
        ("", "spring", "21.03.1988", "0: this attribute is text"),
        ("", 5, "21.03.1988", "0: this attribute holds numbers"),
        ("", "1988-03-21", "5", "0: this attribute holds dates"),
        ("text", "17", "5", "0: this attribute is text"),
        ("boolean", True, "5", "0: this attribute is yes or no"),
        ("", "17", "5", ""),
        ("", "1988-03-21", "01.01.1980", ""),
        ("", None, "5", ""),
        ("number", "x", "5", ""),
    ],
)
def test_a_range_that_finds_nobody_says_why(
    declared: str, value: Any, bound: str, hint: str
) -> None:
    make_client("79161234567", attributes={"x": value})
    if declared:
        AttributeType.objects.create(name="x", type=declared)
    row = condition("include", 0, what="range", name="x", gte=bound)

    sent = {"rows": "1", "include": ["0"], **row}
    counted = browser().post(f"{LIST}count/", sent).content.decode()

    assert hint in counted
    assert bool(hint) == ("0: this" in counted)


@pytest.mark.parametrize(
    ("language", "stored", "typed"),
    [
        ("ru", "1988-03-21", "21.03.1988"),
        ("en", "1988-03-21", "21 Mar 1988"),
        ("en", "1988-03-21", "1988-03-21"),
        ("ru", "1988-03-21T10:30:00", "21.03.1988 10:30"),
        ("en", "21.03.1988", "21.03.1988"),
        ("ru", 4512.29, "4512,29"),
        ("ru", 4512, "4 512"),
        ("en", 4512, "4,512"),
        ("en", 12345678901234567, "12345678901234567"),
        ("ru", "007", "007"),
        ("ru", "1-2-03", "1-2-03"),
    ],
)
def test_a_value_is_found_as_the_pages_write_it(language: str, stored: Any, typed: str) -> None:
    """Also by an exception, which would otherwise take nobody away."""
    make_client("79161234567", attributes={"x": stored})
    make_client("79161234568", attributes={"x": "other"})
    opened = browser(language=language)
    word = "клиент" if language == "ru" else "client"

    for group in ("include", "exclude"):
        row = condition(group, 0, what="equals", name="x", values=[typed])
        counted = opened.post(f"{LIST}count/", {"rows": "1", group: ["0"], **row})
        assert f"1 {word}" in counted.content.decode(), group


@pytest.mark.parametrize(
    ("group", "parts", "hint"),
    [
        ("exclude", {"what": "equals", "name": "City", "values": ["Ufa"]}, "Did you mean city?"),
        ("include", {"what": "absent", "name": "unsubscribed"}, "No client has this attribute."),
        ("include", {"what": "present", "name": "citi"}, "Did you mean city?"),
        ("include", {"what": "range", "name": "agee", "gte": "5"}, "Did you mean age?"),
        ("exclude", {"what": "equals", "name": "city", "values": ["Omsk"]}, ""),
        ("include", {"what": "absent", "name": "age"}, ""),
    ],
)
def test_an_attribute_that_nobody_has_is_named(
    group: str, parts: dict[str, Any], hint: str
) -> None:
    """Misspelled, an exception takes nobody away, and "is not given" is everybody."""
    make_client("79161234567", attributes={"city": "Ufa", "age": 7})
    fields = {"rows": "1", group: ["0"], **condition(group, 0, **parts)}
    opened = browser()

    counted = opened.post(f"{LIST}count/", fields).content.decode()
    asked = opened.post("/mailings/new/", written(do="schedule", **fields)).content.decode()

    assert hint in counted
    assert hint in asked
    assert bool(hint) == ("No client has this attribute." in counted)


@pytest.mark.parametrize(
    ("fields", "is_said"),
    [
        ({"state": "scheduled"}, True),
        ({"state": "running", "started_at": timezone.now()}, True),
        (
            {"state": "running", "started_at": timezone.now(), "enlisted_at": timezone.now()},
            False,
        ),
    ],
)
def test_a_mailing_that_nobody_has_got_yet_leaves_nobody_out(
    fields: dict[str, Any], is_said: bool
) -> None:
    make_client()
    earlier = make_mailing(starts_in=3600, ends_in=7200)
    Mailing.objects.filter(id=earlier.id).update(**fields)
    row = condition("include", 0, what="not-got", values=[str(earlier.id)])

    sent = {"rows": "1", "include": ["0"], **row}
    counted = browser().post(f"{LIST}count/", sent).content.decode()

    assert "1 client" in counted
    assert is_said == ("clients that it will reach are not known yet" in counted)


def test_deleting_says_what_it_does_first() -> None:
    one = saved()
    opened = browser()

    asked = opened.get(f"{LIST}{one.id}/delete/").content.decode()
    assert "Clients and existing mailings stay" in asked
    assert "tag “vip”" in asked
    opened.post(f"{LIST}{one.id}/delete/")

    assert not SavedAudience.objects.exists()


def test_what_is_not_there_is_not_found() -> None:
    for address in (f"{LIST}9/", f"{LIST}9/count/", f"{LIST}9/delete/"):
        assert browser().get(address).status_code == 404


def test_a_viewer_sees_audiences_and_changes_none() -> None:
    one = saved()
    opened = browser("viewer")

    assert "Only an operator or an admin" in opened.get(LIST).content.decode()
    assert opened.get(f"{LIST}{one.id}/count/").status_code == 200
    for address in (NEW, f"{LIST}{one.id}/", f"{LIST}{one.id}/delete/"):
        assert opened.get(address).status_code == 403
        assert opened.post(address).status_code == 403
    assert SavedAudience.objects.exists()


@pytest.mark.parametrize("after", ["x", "-1", "²", "9" * 30])
def test_a_hostile_page_number_is_ignored(after: str) -> None:
    assert browser().get(f"{LIST}?after={after}").status_code == 200


def test_two_people_who_change_an_audience_do_not_undo_each_other() -> None:
    one = saved("Old", tags=["vip"])
    opened, address = browser(), f"{LIST}{one.id}/"
    marks = html.unescape(
        opened.get(address).content.decode().split('name="shown" value="')[1].split('"')[0]
    )
    SavedAudience.objects.update(filter={"tags": ["theirs"]})

    opened.post(address, tagged(name="New", do="save", shown=marks))
    one.refresh_from_db()
    assert (one.name, one.filter) == ("New", {"tags": ["theirs"]})

    refused = opened.post(address, tagged("mine", name="New", do="save", shown=marks))
    page = html.unescape(refused.content.decode())
    assert "tag “theirs”" in page
    one.refresh_from_db()
    assert one.filter == {"tags": ["theirs"]}
    renewed = page.split('name="shown" value="')[1].split('">')[0]
    opened.post(address, tagged("mine", name="New", do="save", shown=renewed))
    one.refresh_from_db()
    assert one.filter == {"tags": ["mine"]}

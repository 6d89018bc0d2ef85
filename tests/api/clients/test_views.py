"""clients/ and clients/{id}/."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.caller import Caller, errors_of, ids_of
from tests.builders import make_client, make_clients, make_running
from vestnik.audience.models import Client


def test_a_client_is_created_with_what_was_given(api: Caller) -> None:
    given = {
        "phone_number": "79261234567",
        "operator_code": "999",
        "tag": "vip",
        "timezone": "Asia/Omsk",
        "attributes": {"city": "Омск", "visits": [1, 2.5, None]},
    }

    answer = api.post("clients/", given)

    assert answer.status_code == 201
    shown = answer.json()
    assert shown.items() >= given.items()
    assert list(shown) == ["id", *given, "created_at"]
    assert shown["created_at"].endswith("Z")
    assert api.get(answer["Location"]).json() == shown


def test_what_is_left_out_gets_a_default(api: Caller) -> None:
    shown = api.post("clients/", {"phone_number": "79261234567"}).json()

    assert shown["operator_code"] == "926"
    assert (shown["tag"], shown["timezone"], shown["attributes"]) == ("", "Europe/Moscow", {})


def test_a_number_belongs_to_one_client(api: Caller) -> None:
    make_client("79261234567")

    answer = api.post("clients/", {"phone_number": "79261234567"})

    assert answer.status_code == 400
    assert "Another client has this number" in errors_of(answer)["phone_number"]
    assert Client.objects.count() == 1


def test_a_number_cannot_be_taken_over_by_a_change(api: Caller) -> None:
    make_client("79261234567")
    other = make_client("79261234568")

    answer = api.patch(f"clients/{other.id}/", {"phone_number": "79261234567"})

    assert answer.status_code == 400
    assert "phone_number" in errors_of(answer)


def test_put_replaces_and_patch_changes(api: Caller) -> None:
    client = make_client("79261234567", tag="vip", attributes={"a": 1})

    patched = api.patch(f"clients/{client.id}/", {"timezone": "Asia/Omsk"}).json()
    assert (patched["tag"], patched["timezone"]) == ("vip", "Asia/Omsk")

    replaced = api.put(f"clients/{client.id}/", {"phone_number": "79031234567"}).json()
    assert (replaced["tag"], replaced["timezone"]) == ("", "Europe/Moscow")
    assert (replaced["operator_code"], replaced["attributes"]) == ("903", {})


@pytest.mark.parametrize(("code", "follows"), [("926", "903"), ("999", "999")])
def test_the_operator_code_follows_a_new_number_unless_it_was_ported(
    api: Caller, code: str, follows: str
) -> None:
    client = make_client("79261234567", operator_code=code)

    shown = api.patch(f"clients/{client.id}/", {"phone_number": "79031234567"}).json()

    assert shown["operator_code"] == follows


def test_a_deleted_client_is_gone_and_what_was_queued_is_cancelled(api: Caller) -> None:
    mailing = make_running(2)
    client = Client.objects.first()
    assert client is not None

    assert api.delete(f"clients/{client.id}/").status_code == 204

    assert api.get(f"clients/{client.id}/").status_code == 404
    assert api.delete(f"clients/{client.id}/").status_code == 404
    states = {m["client"]: m["state"] for m in api.get("messages/").json()["results"]}
    assert states[None] == "cancelled"
    assert api.get(f"mailings/{mailing.id}/").json()["progress"]["cancelled"] == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("id", ["1", str(2**63), str(10**30), "-1", "0", "x", "%00", "1" * 5000])
def test_a_client_that_is_not_there_is_404(api: Caller, method: str, id: str) -> None:
    assert api.call(method, f"clients/{id}/", {"phone_number": "79261234567"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("phone_number=79261234567", [0]),
        ("operator_code=926", [0, 1]),
        ("tag=vip", [1, 2]),
        ("tag=vip&operator_code=926", [1]),
        ("tag=", [0]),
        ("tag=VIP", []),
    ],
)
def test_filters_narrow_the_list(api: Caller, query: str, found: list[int]) -> None:
    ids = [
        make_client("79261234567").id,
        make_client("79261234568", tag="vip").id,
        make_client("79031234567", tag="vip").id,
    ]

    assert ids_of(api.get(f"clients/?{query}")) == [ids[index] for index in found]


def test_pages_lead_through_the_whole_list_and_back(api: Caller) -> None:
    ids = make_clients(7)
    seen: list[list[int]] = []

    page: Any = api.get("clients/?page_size=3&operator_code=900").json()
    while True:
        seen.append([row["id"] for row in page["results"]])
        if page["next"] is None:
            break
        page = api.get(page["next"].removeprefix("http://testserver")).json()
    assert seen == [ids[:3], ids[3:6], ids[6:]]

    back = api.get(page["previous"].removeprefix("http://testserver")).json()
    assert [row["id"] for row in back["results"]] == ids[3:6]
    first = api.get(back["previous"].removeprefix("http://testserver")).json()
    assert [row["id"] for row in first["results"]] == ids[:3]
    assert first["previous"] is None
    assert first["next"] is not None


def test_a_page_costs_the_same_whatever_its_size(
    api: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_clients(30)
    api.get("clients/")

    with django_assert_num_queries(2):  # the key, the page
        assert len(ids_of(api.get("clients/?page_size=25"))) == 25


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=x", "page_size"),
        ("page_size=٣", "page_size"),
        ("page_size=" + "9" * 5000, "page_size"),
        ("cursor=x", "cursor"),
        ("cursor=%F0%9F%98%80", "cursor"),
        ("cursor=eDE%3D", "cursor"),
        ("phone_number=89261234567", "phone_number"),
        ("phone=79261234567", "phone"),
        ("tag=a&tag=b", "tag"),
        ("tag=%00", "tag"),
        ("format=json", "format"),
    ],
)
def test_a_query_that_is_wrong_is_refused(api: Caller, query: str, field: str) -> None:
    answer = api.get(f"clients/?{query}")

    assert answer.status_code == 400
    assert field in errors_of(answer)

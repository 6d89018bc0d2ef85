"""clients/bulk/."""

import json
import threading

import pytest
from django.db import connection

from tests.api.caller import Caller, errors_of
from tests.builders import make_client
from vestnik.audience.models import Client


def test_each_item_is_created_updated_or_refused_in_order(api: Caller) -> None:
    known = make_client("79261234567", tag="old", attributes={"kept": True})
    items = [
        {"phone_number": "79031234567", "tag": "new"},
        {"phone_number": "79261234567", "tag": "vip"},
        {"phone_number": "89261234567"},
        {"phone_number": "79031234567"},
        {"tag": "x"},
        {"phone_number": "79031234568", "colour": "red", "tag": 1},
        [],
    ]

    answer = api.post("clients/bulk/", items)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["created"], body["updated"], body["invalid"]) == (1, 1, 5)
    results = body["results"]
    assert [result["index"] for result in results] == list(range(7))
    assert results[1] == {"index": 1, "status": "updated", "id": known.id}
    assert results[2]["errors"] == [
        {"field": "phone_number", "message": "Write it as 7XXXXXXXXXX: 79261234567."}
    ]
    assert "Item 0 has this number already" in results[3]["errors"][0]["message"]
    assert {error["field"] for error in results[5]["errors"]} == {"colour", "tag"}
    known.refresh_from_db()
    assert (known.tag, known.attributes) == ("vip", {"kept": True})


def test_what_a_new_client_was_not_given_gets_its_default(api: Caller) -> None:
    api.post("clients/bulk/", [{"phone_number": "79031234567"}])

    client = Client.objects.get()
    assert (client.operator_code, client.tag, client.timezone) == ("903", "", "Europe/Moscow")
    assert client.attributes == {}


def test_ten_thousand_come_in_one_request_and_no_more(api: Caller) -> None:
    items = [{"phone_number": f"7900{index:07}", "tag": "т"} for index in range(10_001)]

    refused = api.post("clients/bulk/", items)
    assert refused.status_code == 400
    assert "10000" in errors_of(refused)["body"]

    taken = api.post("clients/bulk/", items[:-1])
    assert taken.json()["created"] == 10_000
    again = api.post("clients/bulk/", items[:-1])
    assert (again.json()["created"], again.json()["updated"]) == (0, 10_000)
    assert Client.objects.count() == 10_000


def test_an_empty_list_is_no_mistake(api: Caller) -> None:
    assert api.post("clients/bulk/", []).json()["results"] == []


@pytest.mark.parametrize("body", [{}, "x", None, 1])
def test_anything_but_a_list_is_refused(api: Caller, body: object) -> None:
    answer = api.call("POST", "clients/bulk/", raw=json.dumps(body).encode())

    assert answer.status_code == 400
    assert "list" in errors_of(answer)["body"]


def test_more_than_16_mib_is_refused_and_less_is_not(api: Caller) -> None:
    padding = b" " * (15 * 1024 * 1024)
    assert api.call("POST", "clients/bulk/", raw=b"[]" + padding).status_code == 200
    assert api.call("POST", "clients/bulk/", raw=b"[]" + padding * 2).status_code == 413


@pytest.mark.django_db(transaction=True)
def test_two_lists_that_overlap_do_not_block_each_other_for_good() -> None:
    callers = [Caller(name=f"bulk {number}") for number in range(4)]
    numbers = [f"7900{index:07}" for index in range(2000)]
    statuses: list[int] = []

    def send(caller: Caller, order: int) -> None:
        items = [{"phone_number": number, "tag": caller.key.name} for number in numbers[::order]]
        for _ in range(3):
            statuses.append(caller.post("clients/bulk/", items).status_code)
        connection.close()

    threads = [
        threading.Thread(target=send, args=(caller, (-1) ** index))
        for index, caller in enumerate(callers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 12
    assert Client.objects.count() == 2000

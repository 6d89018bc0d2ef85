"""The stop list over the API."""

from typing import Any

import pytest

from tests.api.caller import Caller, errors_of, ids_of
from tests.builders import counts, make_running
from vestnik.audience.stop_list import StopListEntry

NUMBER, OTHER = "79000000000", "79000000001"


def test_numbers_are_put_on_it_found_on_it_and_taken_off(api: Caller):
    mailing = make_running(clients=2)

    answer = api.post("stop-list/", {"phone_numbers": [NUMBER, OTHER, NUMBER], "reason": "asked"})

    assert (answer.status_code, answer.json()) == (200, {"added": 2, "known": 0})
    assert counts(mailing) == {"suppressed": 2}
    assert api.post("stop-list/", {"phone_numbers": [NUMBER]}).json() == {"added": 0, "known": 1}
    [entry] = api.get(f"stop-list/?phone_number={NUMBER}").json()["results"]
    assert (entry["phone_number"], entry["reason"], entry["source"]) == (NUMBER, "asked", "api")
    assert api.delete(f"stop-list/{entry['id']}/").status_code == 204
    assert api.delete(f"stop-list/{entry['id']}/").status_code == 404
    assert len(ids_of(api.get("stop-list/"))) == 1


def test_an_operator_puts_numbers_on_it_and_only_an_admin_takes_them_off(api: Caller):
    operator, viewer = Caller("operator"), Caller("viewer")
    assert viewer.post("stop-list/", {"phone_numbers": [NUMBER]}).status_code == 403
    assert operator.post("stop-list/", {"phone_numbers": [NUMBER]}).status_code == 200
    id = StopListEntry.objects.get().id
    assert operator.delete(f"stop-list/{id}/").status_code == 403
    assert viewer.get("stop-list/").status_code == 200


BODIES: dict[str, tuple[Any, str, str]] = {
    "nothing": ({}, "phone_numbers", "required"),
    "no list": ({"phone_numbers": NUMBER}, "phone_numbers", "a list of 1 to"),
    "an empty list": ({"phone_numbers": []}, "phone_numbers", "a list of 1 to"),
    "a wrong number": ({"phone_numbers": [NUMBER, "8926"]}, "phone_numbers.1", "7XXXXXXXXXX"),
    "a long reason": ({"phone_numbers": [NUMBER], "reason": "x" * 201}, "reason", "at most 200"),
    "an unknown key": ({"phone_numbers": [NUMBER], "number": 1}, "number", "Known fields"),
}


@pytest.mark.parametrize("case", BODIES)
def test_what_is_wrong_is_named_with_the_remedy(api: Caller, case: str):
    body, field, words = BODIES[case]
    answer = api.post("stop-list/", body)
    assert answer.status_code == 400
    assert words in errors_of(answer)[field]
    assert not StopListEntry.objects.exists()

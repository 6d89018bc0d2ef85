"""Declared types of attributes."""

from tests.api.caller import Caller, errors_of
from tests.builders import make_client

NUMBER = "79261234567"


def test_a_type_is_declared_by_the_api(api: Caller) -> None:
    client = make_client(NUMBER, attributes={"born": "spring"})
    make_client("79261234568", attributes={"born": "1988-03-21"})

    made = api.post("attributes/", {"name": "born", "type": "date"})
    again = api.post("attributes/", {"name": "born", "type": "text"})

    assert made.status_code == 201
    declared = made.json()
    assert declared["misfits"] == {
        "count": 1,
        "examples": [{"client": client.id, "value": "spring"}],
    }
    assert "already" in errors_of(again)["name"]
    assert [one["name"] for one in api.get("attributes/").json()["results"]] == ["born"]
    assert "Name one of" in errors_of(api.post("attributes/", {"name": "x", "type": "y"}))["type"]

    refused = api.post("clients/", {"phone_number": "79261234569", "attributes": {"born": "x"}})
    assert "born: Give a date" in errors_of(refused)["attributes"]
    bulk = api.post("clients/bulk/", [{"phone_number": NUMBER, "attributes": {"born": 5}}]).json()
    assert "born: Give a date" in bulk["results"][0]["errors"][0]["message"]
    kept = {"attributes": {"born": "spring", "x": 1}}
    assert api.patch(f"clients/{client.id}/", kept).status_code == 200

    address = f"attributes/{declared['id']}/"
    assert api.patch(address, {"type": "text"}).json()["misfits"]["count"] == 0
    assert api.get(address).json()["type"] == "text"
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404

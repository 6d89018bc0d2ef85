"""audiences/, audiences/{id}/ and audiences/count/."""

from tests.api.caller import Caller, errors_of, ids_of, mailing_body
from tests.builders import make_client
from vestnik.audience.models import SavedAudience

ADULTS = {"attributes": {"age": {"gte": 18}}, "exclude": {"tags": ["staff"]}}
SHOWN = {"operator_codes": [], "tags": [], **ADULTS}


def test_an_audience_is_saved_read_changed_and_deleted(api: Caller) -> None:
    answer = api.post("audiences/", {"name": "Adults", "filter": ADULTS})
    assert answer.status_code == 201
    shown = answer.json()
    assert list(shown) == ["id", "name", "filter", "created_at"]
    assert shown["filter"] == SHOWN
    assert api.get(answer["Location"]).json() == shown

    address = f"audiences/{shown['id']}/"
    changed = api.patch(address, {"name": "Grown-ups"}).json()
    assert changed == shown | {"name": "Grown-ups"}

    assert api.delete(address).status_code == 204
    assert api.delete(address).status_code == 404
    assert api.get(address).status_code == 404
    assert api.patch(address, {}).status_code == 404


def test_a_name_is_given_once(api: Caller) -> None:
    first = api.post("audiences/", {"name": "Adults", "filter": {}}).json()
    second = api.post("audiences/", {"name": "Others", "filter": {}}).json()

    again = api.post("audiences/", {"name": "Adults", "filter": {}})
    renamed = api.patch(f"audiences/{second['id']}/", {"name": "Adults"})

    assert (again.status_code, renamed.status_code) == (400, 400)
    assert "another name" in errors_of(again)["name"]
    assert "another name" in errors_of(renamed)["name"]
    assert api.patch(f"audiences/{first['id']}/", {"name": "Adults"}).status_code == 200


def test_what_is_wrong_with_a_filter_is_named(api: Caller) -> None:
    wrong = {"attributes": {"age": {"gt": 18}}}

    for address, body in (("audiences/", {"name": "x"}), ("audiences/count/", {})):
        answer = api.post(address, {**body, "filter": wrong})
        assert answer.status_code == 400
        assert "gte" in errors_of(answer)["filter.attributes.age"]
    assert not SavedAudience.objects.exists()


def test_audiences_are_listed_by_id(api: Caller) -> None:
    ids = [api.post("audiences/", {"name": n, "filter": {}}).json()["id"] for n in "cab"]

    assert ids_of(api.get("audiences/")) == ids


def test_the_filter_of_an_audience_may_be_given_to_a_mailing_as_it_is(api: Caller) -> None:
    saved = api.post("audiences/", {"name": "Adults", "filter": ADULTS}).json()

    mailing = api.post("mailings/", mailing_body(filter=saved["filter"]))

    assert (mailing.status_code, mailing.json()["filter"]) == (201, SHOWN)


def test_the_clients_that_a_filter_selects_are_counted(api: Caller) -> None:
    make_client("79261234567", attributes={"age": 30})
    make_client("79261234568", attributes={"age": 30}, tag="staff")
    make_client("79261234569", attributes={"age": 3})

    def count(audience: object) -> int:
        return int(api.post("audiences/count/", {"filter": audience}).json()["matched"])

    assert (count({}), count(ADULTS), count({"tags": ["nobody"]})) == (3, 1, 0)


def test_an_operator_deletes_an_audience_as_on_the_pages(db: None) -> None:
    operator, viewer = Caller("operator"), Caller("viewer", name="v")
    saved = operator.post("audiences/", {"name": "x", "filter": {}}).json()["id"]

    assert viewer.delete(f"audiences/{saved}/").status_code == 403
    assert operator.delete(f"audiences/{saved}/").status_code == 204

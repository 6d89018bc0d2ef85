"""mailings/test-send/."""

from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.api.caller import YEAR, Caller, errors_of, ids_of
from tests.builders import make_client, make_mailing
from vestnik.audience.stop_list import Source, put
from vestnik.dispatch.models import Message
from vestnik.mailings.models import Mailing
from vestnik.mailings.rendering import NO_SMS

FIRST, SECOND = "79261234567", "79161234567"


def body(*numbers: str, **changes: Any) -> dict[str, Any]:
    return {"text": "Hello", "phone_numbers": list(numbers or (FIRST,)), **changes}


def test_the_text_goes_to_the_numbers_as_a_mailing_of_its_own(
    api: Caller, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        answer = api.post("mailings/test-send/", body(FIRST, SECOND, FIRST, name="Sale"))

    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["text"], shown["segments"]) == ("Hello", 1)
    assert [(m["phone_number"], m["state"]) for m in shown["messages"]] == [
        (FIRST, "queued"),
        (SECOND, "queued"),
    ]
    mailing = shown["mailing"]
    assert (mailing["test"], mailing["state"], mailing["name"]) == (True, "running", "Test: Sale")
    assert (mailing["progress"]["matched"], mailing["progress"]["queued"]) == (2, 2)
    assert mailing["enlisted_at"] is not None
    assert answer["Location"].endswith(f"/mailings/{mailing['id']}/")
    assert len(callbacks) == 1
    messages = api.get(f"messages/?mailing={mailing['id']}").json()["results"]
    assert [message["client"] for message in messages] == [None, None]


def test_placeholders_are_filled_as_the_previews_first_sample_is(api: Caller) -> None:
    make_client("79990000001", tag="other", attributes={"name": "Zoe"})
    make_client("79990000002", tag="vip", attributes={})
    make_client("79990000003", tag="vip", attributes={"name": "Anna"})
    asked = {"text": "{{ name }}, hello", "filter": {"tags": ["vip"]}}

    shown = api.post("mailings/test-send/", body(**asked)).json()
    window = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": f"{YEAR}-01-01T00:00:00Z"}
    sample = api.post("mailings/preview/", {**asked, **window}).json()["samples"][0]

    assert shown["text"] == sample["text"] == "Anna, hello"
    assert shown["mailing"]["text"] == "{{ name }}, hello"
    assert Message.objects.get().text == "Anna, hello"


def test_where_nobody_is_matched_defaults_have_to_do(api: Caller) -> None:
    text = 'Dear {{ tag|default:"friend" }}'

    assert api.post("mailings/test-send/", body(text=text)).json()["text"] == "Dear friend"


def test_a_value_that_nobody_has_is_named_at_the_text(api: Caller) -> None:
    make_client(attributes={"name": None})

    answer = api.post("mailings/test-send/", body(text="{{ name }}, hello"))

    assert answer.status_code == 400
    assert "give those placeholders defaults" in errors_of(answer)["text"]
    assert not Mailing.objects.exists()


def test_numbers_on_the_stop_list_get_nothing_and_the_answer_says_so(api: Caller) -> None:
    put([SECOND], Source.API)

    shown = api.post("mailings/test-send/", body(FIRST, SECOND)).json()

    found = [(m["phone_number"], m["state"], m["error"]) for m in shown["messages"]]
    assert found == [(FIRST, "queued", None), (SECOND, "suppressed", "stop list")]
    assert shown["mailing"]["progress"]["suppressed"] == 1


def test_a_landline_gets_nothing_and_the_answer_says_so(api: Caller) -> None:
    shown = api.post("mailings/test-send/", body(FIRST, "74951234567")).json()

    found = [(m["state"], m["error"]) for m in shown["messages"]]
    assert found == [("queued", None), ("suppressed", NO_SMS)]


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"phone_numbers": ...}, "phone_numbers", "This field is required"),
        ({"phone_numbers": None}, "phone_numbers", "1 to 5 numbers"),
        ({"phone_numbers": []}, "phone_numbers", "1 to 5 numbers"),
        ({"phone_numbers": FIRST}, "phone_numbers", "1 to 5 numbers"),
        ({"phone_numbers": [f"7926000000{n}" for n in range(6)]}, "phone_numbers", "1 to 5"),
        ({"phone_numbers": [FIRST, "8 916 123-45-67"]}, "phone_numbers.1", "79161234567"),
        ({"phone_numbers": [79261234567]}, "phone_numbers.0", "Give a string"),
        ({"text": ...}, "text", "This field is required"),
        ({"text": "Hi {{ name }}"}, "text", "No client has an attribute"),
        ({"filter": {"tag": ["vip"]}}, "filter.tag", "Available"),
        ({"provider": "pigeon"}, "provider", "Name a configured provider"),
        ({"ends_at": "2099-01-01T00:00:00Z"}, "ends_at", "Known fields: name, text, filter"),
        ({"test": False}, "test", "set by the service"),
    ],
)
def test_what_is_wrong_names_the_field_and_the_remedy(
    api: Caller, changes: dict[str, Any], field: str, remedy: str
) -> None:
    sent = {name: value for name, value in body(**changes).items() if value is not ...}

    answer = api.post("mailings/test-send/", sent)

    assert answer.status_code == 400
    assert remedy in errors_of(answer)[field]
    assert not Mailing.objects.exists()


def test_sent_twice_with_one_key_it_goes_out_once(api: Caller) -> None:
    first = api.post("mailings/test-send/", body(), idempotency_key="k")
    again = api.post("mailings/test-send/", body(), idempotency_key="k")

    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert Message.objects.count() == 1


def test_a_viewer_sends_no_test(db: None) -> None:
    assert Caller("viewer").post("mailings/test-send/", body()).status_code == 403


def test_lists_and_statistics_tell_tests_apart(api: Caller) -> None:
    usual = make_mailing(starts_in=1000).id
    test = api.post("mailings/test-send/", body()).json()["mailing"]["id"]

    assert ids_of(api.get("mailings/")) == [test, usual]
    assert ids_of(api.get("mailings/?test=true")) == [test]
    assert ids_of(api.get("mailings/?test=false")) == [usual]
    counts = {asked: api.get(f"statistics/{asked}").json() for asked in ("", "?test=false")}
    assert counts[""]["messages"]["matched"] == 1
    assert counts["?test=false"]["messages"]["matched"] == 0
    assert counts["?test=false"]["mailings"]["running"] == 0
    assert errors_of(api.get("mailings/?test=1")) == {"test": "Write true or false."}

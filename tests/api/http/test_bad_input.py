"""Every invalid request gets a 4xx that names the field and the remedy."""

import json
from typing import Any

import pytest

from tests.api.caller import YEAR, Caller, errors_of, mailing_body
from tests.builders import make_client, make_mailing
from vestnik.audience.models import Client
from vestnik.mailings.models import Mailing

NUMBER = "79261234567"
MIB = 1024 * 1024

CLIENTS: dict[str, tuple[Any, str, str]] = {
    "a number that begins with 8": (
        {"phone_number": "89261234567"},
        "phone_number",
        "Write it as 7XXXXXXXXXX: 79261234567.",
    ),
    "a number with a plus": ({"phone_number": "+79261234567"}, "phone_number", "79261234567"),
    "a number with spaces": ({"phone_number": "8 (926) 123-45-67"}, "phone_number", "79261234567"),
    "letters": ({"phone_number": "7926123456A"}, "phone_number", "eleven digits"),
    "10 digits": ({"phone_number": "9261234567"}, "phone_number", "79261234567"),
    "10 digits of which the first is 7": ({"phone_number": "7926123456"}, "phone_number", "7XX"),
    "12 digits": ({"phone_number": "792612345678"}, "phone_number", "eleven digits"),
    "digits of another script": ({"phone_number": "7٩٢٦١٢٣٤٥٦٧"}, "phone_number", "eleven"),
    "a line's end after the number": ({"phone_number": NUMBER + "\n"}, "phone_number", "7XX"),
    "a number that is a number": ({"phone_number": 79261234567}, "phone_number", "Give a string."),
    "no number": ({}, "phone_number", "This field is required"),
    "null for a number": ({"phone_number": None}, "phone_number", "may not be null"),
    "an empty number": ({"phone_number": ""}, "phone_number", "may not be empty"),
    "two digits of an operator code": ({"operator_code": "92"}, "operator_code", "three digits"),
    "letters for an operator code": ({"operator_code": "abc"}, "operator_code", "three digits"),
    "an unknown zone": ({"timezone": "Europe/Moskow"}, "timezone", "Europe/Moscow"),
    "a path for a zone": ({"timezone": "../../etc/passwd"}, "timezone", "IANA"),
    "a long tag": ({"tag": "x" * 101}, "tag", "100 characters"),
    "a list for attributes": ({"attributes": []}, "attributes", "Give an object"),
    "null for attributes": ({"attributes": None}, "attributes", "may not be null"),
    "large attributes": ({"attributes": {"x": "y" * 17_000}}, "attributes", "16 KiB"),
    "deep attributes": (
        {"attributes": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}},
        "attributes",
        "8 levels",
    ),
    "an unknown key": ({"phone": NUMBER}, "phone", "Known fields: phone_number, operator_code"),
    "an id": ({"id": 5}, "id", "set by the service"),
    "a NUL": ({"tag": "a\x00b"}, "tag", "NUL"),
    "a NUL in a key": ({"attributes": {"a\x00": 1}}, "attributes.a\x00", "NUL"),
    "half a character": ({"tag": "\ud83d"}, "tag", "surrogate"),
    "half a character, deep": ({"attributes": {"a": ["\udc00"]}}, "attributes.a.0", "surrogate"),
    "half a character in a key": ({"attributes": {"\ud800": 1}}, "attributes.\\ud800", "surrogate"),
    "half a character as a key": ({"\ud800": 1}, "\\ud800", "surrogate"),
    "a list": ([], "body", "Give an object."),
    "a string": ("x", "body", "Give an object."),
    "null": (None, "body", "Give an object."),
}

MAILINGS: dict[str, tuple[dict[str, Any], str, str]] = {
    "end before start": (
        {"starts_at": "2098-01-02T00:00:00Z", "ends_at": "2098-01-01T00:00:00Z"},
        "ends_at",
        "later than the start",
    ),
    "end at the start": (
        {"starts_at": "2098-01-01T00:00:00Z", "ends_at": "2098-01-01T03:00:00+03:00"},
        "ends_at",
        "later than the start",
    ),
    "end in the past": ({"ends_at": "2026-01-02T00:00:00Z"}, "ends_at", "still to come"),
    "an end beyond the horizon": (
        {"ends_at": f"{YEAR + 4}-01-01T00:00:00Z"},
        "ends_at",
        "at most 5 years from now",
    ),
    "the last second of all": ({"ends_at": "9999-12-31T23:59:59Z"}, "ends_at", "at most 5 years"),
    "a start beyond the horizon": (
        {"starts_at": "9998-01-01T00:00:00Z", "ends_at": "9999-01-01T00:00:00Z"},
        "starts_at",
        "at most 5 years from now",
    ),
    "a start long ago": ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at", "5 years ago"),
    "no offset": ({"ends_at": "2099-01-01T00:00:00"}, "ends_at", "Add the offset"),
    "a date alone": ({"starts_at": "2026-01-01"}, "starts_at", "offset"),
    "no instant": ({"starts_at": "tomorrow"}, "starts_at", "Write an instant"),
    "no such day": ({"starts_at": "2026-02-30T00:00:00Z"}, "starts_at", "Write an instant"),
    "a number for an instant": ({"starts_at": 0}, "starts_at", "Write an instant"),
    "before the first year": (
        {"starts_at": "0001-01-01T00:00:00+10:00"},
        "starts_at",
        "Write an instant",
    ),
    "after the last year": ({"ends_at": "9999-12-31T23:59:59-10:00"}, "ends_at", "an instant"),
    "null for an instant": ({"ends_at": None}, "ends_at", "may not be null"),
    "no start": ({"starts_at": ...}, "starts_at", "This field is required"),
    "no end": ({"ends_at": ...}, "ends_at", "This field is required"),
    "no text": ({"text": ...}, "text", "This field is required"),
    "an empty text": ({"text": ""}, "text", "may not be empty"),
    "a blank text": ({"text": " \r\n\t\u00a0"}, "text", "Write a text"),
    "a text over 10 segments": ({"text": "я" * 671}, "text", "at most 10 segments"),
    "a text over 10 segments of GSM": ({"text": "a" * 1531}, "text", "at most 10 segments"),
    "a text far over 10 segments": ({"text": "a" * 900_000}, "text", "at most 10 segments"),
    "a name that nobody has": ({"text": "Hi {{ name }}"}, "text", "No client has an attribute"),
    "a placeholder with a filter": ({"text": "{{ tag|upper }}"}, "text", "Write a placeholder as"),
    "half a placeholder": ({"text": "Hi {{ tag"}, "text", "Write a placeholder as"),
    "21 placeholders": (
        {"text": "".join(f'{{{{ tag|default:"{n}" }}}}' for n in range(21))},
        "text",
        "at most 20 placeholders",
    ),
    "a default over 10 segments": (
        {"text": '{{ tag|default:"' + "я" * 671 + '" }}'},
        "text",
        "at most 10 segments",
    ),
    "a NUL in the text": ({"text": "a\x00"}, "text", "NUL"),
    "half a character in the text": ({"text": "a\ud83d"}, "text", "surrogate"),
    "a number for a text": ({"text": 5}, "text", "Give a string."),
    "no filter": ({"filter": ...}, "filter", "This field is required"),
    "null for a filter": ({"filter": None}, "filter", "may not be null"),
    "a list for a filter": ({"filter": []}, "filter", "Give an object"),
    "a misspelt filter": ({"filter": {"tag": ["x"]}}, "filter.tag", "Available: operator_codes"),
    "a value for a list": ({"filter": {"tags": "x"}}, "filter.tags", "Give a list"),
    "null for a list": ({"filter": {"tags": None}}, "filter.tags", "Give a list"),
    "numbers for codes": (
        {"filter": {"operator_codes": [926]}},
        "filter.operator_codes",
        '["926"]',
    ),
    "a long code": ({"filter": {"operator_codes": ["9261"]}}, "filter.operator_codes", "three"),
    "too many tags": ({"filter": {"tags": ["x"] * 1001}}, "filter.tags", "at most 1000"),
    "a NUL in a filter": ({"filter": {"tags": ["\x00"]}}, "filter.tags.0", "NUL"),
    "null for attributes": ({"filter": {"attributes": None}}, "filter.attributes", "an object"),
    "an attribute that is null": (
        {"filter": {"attributes": {"city": None}}},
        "filter.attributes.city",
        "Give a value, a list",
    ),
    "an attribute that is an object": (
        {"filter": {"attributes": {"city": {"name": "Омск"}}}},
        "filter.attributes.city",
        "Give a value, a list",
    ),
    "an attribute without a name": (
        {"filter": {"attributes": {"": 1}}},
        "filter.attributes",
        "1 to 200 characters",
    ),
    "a bound that is neither a number nor a date": (
        {"filter": {"attributes": {"born": {"gte": "31.12.1999"}}}},
        "filter.attributes.born",
        "YYYY-MM-DD",
    ),
    "bounds of two kinds": (
        {"filter": {"attributes": {"born": {"gte": 18, "lte": "1999-12-31"}}}},
        "filter.attributes.born",
        "YYYY-MM-DD",
    ),
    "a day that there is not": (
        {"filter": {"attributes": {"born": {"gte": "1999-02-30"}}}},
        "filter.attributes.born",
        "YYYY-MM-DD",
    ),
    "a week": (
        {"filter": {"attributes": {"born": {"gte": "2026-W20-1"}}}},
        "filter.attributes.born",
        "YYYY-MM-DD",
    ),
    "a day in digits of another script": (
        {"filter": {"attributes": {"born": {"lte": "١٩٩٩-01-01"}}}},
        "filter.attributes.born",
        "YYYY-MM-DD",
    ),
    "1,001 values of an attribute": (
        {"filter": {"attributes": {"n": list(range(1001))}}},
        "filter.attributes.n",
        "at most 1000 values",
    ),
    "21 attributes": (
        {"filter": {"attributes": {str(n): n for n in range(21)}}},
        "filter.attributes",
        "at most 20",
    ),
    "an unknown exclusion": (
        {"filter": {"exclude": {"tag": ["vip"]}}},
        "filter.exclude.tag",
        "Available: operator_codes, tags, attributes",
    ),
    "an exclusion of an exclusion": (
        {"filter": {"exclude": {"exclude": {}}}},
        "filter.exclude.exclude",
        "Unknown filter",
    ),
    "an exclusion that is a list": ({"filter": {"exclude": []}}, "filter.exclude", "same form"),
    "an excluded attribute that is null": (
        {"filter": {"exclude": {"attributes": {"city": None}}}},
        "filter.exclude.attributes.city",
        "Give a value",
    ),
    "equal local hours": (
        {"local_hours": {"from": "09:00", "until": "09:00"}},
        "local_hours.until",
        "another time than `from`",
    ),
    "half of the local hours": ({"local_hours": {"from": "09:00"}}, "local_hours.until", "HH:MM"),
    "no time of the day": (
        {"local_hours": {"from": "9:00", "until": "24:00"}},
        "local_hours.from",
        "HH:MM",
    ),
    "local hours of another form": (
        {"local_hours": {"from": "09:00", "until": "21:00", "to": "22:00"}},
        "local_hours.to",
        "Available: from, until",
    ),
    "a string for local hours": ({"local_hours": "9-21"}, "local_hours", "HH:MM"),
    "an unknown provider": ({"provider": "pigeon"}, "provider", "Name a configured provider: con"),
    "null for a provider": ({"provider": None}, "provider", "may not be null"),
    "no rate": ({"rate_limit": 0}, "rate_limit", "at least 1"),
    "a rate below nothing": ({"rate_limit": -5}, "rate_limit", "at least 1"),
    "a rate beyond reason": ({"rate_limit": 10**30}, "rate_limit", "at most"),
    "half a message a second": ({"rate_limit": 0.5}, "rate_limit", "whole number"),
    "a string for a rate": ({"rate_limit": "5"}, "rate_limit", "whole number"),
    "true for a rate": ({"rate_limit": True}, "rate_limit", "whole number"),
    "a long name": ({"name": "x" * 201}, "name", "200 characters"),
    "null for a name": ({"name": None}, "name", "may not be null"),
    "a state": ({"state": "running"}, "state", "set by the service"),
    "an unknown key": (
        {"end": "2099-01-01T00:00:00Z"},
        "end",
        "Known fields: name, text, confirm_text, filter",
    ),
}

BODIES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "not JSON"),
    "nothing": (b"", "required"),
    "two values": (b"{} {}", "not JSON"),
    "no UTF-8": (b'{"tag": "\xff"}', "UTF-8"),
    "NaN": (b'{"attributes": {"x": NaN}}', "NaN"),
    "infinity": (b'{"attributes": {"x": 1e999}}', "too large"),
    "a number of 5,000 digits": (b'{"attributes": {"x": ' + b"9" * 5000 + b"}}", "not JSON"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "levels deep"),
    "21 levels": (b'{"x": ' + b"[" * 21 + b"]" * 21 + b"}", "20 levels"),
    "a key twice": (b'{"tag": "a", "tag": "b"}', "given twice"),
    "a key twice, deep": (b'{"attributes": {"x": {"a": 1, "a": 2}}}', "given twice"),
}


@pytest.mark.parametrize("case", CLIENTS)
def test_a_client_that_is_wrong_names_the_field_and_the_remedy(api: Caller, case: str) -> None:
    body, field, remedy = CLIENTS[case]
    if isinstance(body, dict) and body and "phone_number" not in body:
        body = {"phone_number": NUMBER, **body}

    answer = api.call("POST", "clients/", raw=json.dumps(body).encode())

    _is_refused(answer, field, remedy)
    assert not Client.objects.exists()


@pytest.mark.parametrize("case", CLIENTS)
def test_a_change_to_a_client_that_is_wrong_is_refused_alike(api: Caller, case: str) -> None:
    body, field, remedy = CLIENTS[case]
    client = make_client("79990000000")

    answer = api.call("PATCH", f"clients/{client.id}/", raw=json.dumps(body).encode())

    if body == {}:
        assert answer.status_code == 200
    else:
        _is_refused(answer, field, remedy)


@pytest.mark.parametrize("case", MAILINGS)
def test_a_mailing_that_is_wrong_names_the_field_and_the_remedy(api: Caller, case: str) -> None:
    changes, field, remedy = MAILINGS[case]

    answer = api.post("mailings/", mailing_body(**changes))

    _is_refused(answer, field, remedy)
    assert not Mailing.objects.exists()


@pytest.mark.parametrize("draft", ["true", 1, None, {}])
def test_a_draft_is_one_or_not(api: Caller, draft: object) -> None:
    answer = api.post("mailings/", mailing_body(draft=draft))

    _is_refused(answer, "draft", "Give " if draft is not None else "may not be null")
    assert not Mailing.objects.exists()


@pytest.mark.parametrize(
    "case", [case for case in MAILINGS if ... not in MAILINGS[case][0].values()]
)
def test_a_change_to_a_mailing_that_is_wrong_is_refused_alike(api: Caller, case: str) -> None:
    changes, field, remedy = MAILINGS[case]
    mailing = make_mailing(starts_in=1000)

    _is_refused(api.patch(f"mailings/{mailing.id}/", changes), field, remedy)


@pytest.mark.parametrize("address", ["clients/", "mailings/"])
@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_json_of_ours_is_refused(api: Caller, address: str, case: str) -> None:
    raw, remedy = BODIES[case]

    answer = api.call("POST", address, raw=raw)

    assert answer.status_code == 400
    assert remedy in " ".join(errors_of(answer).values())


@pytest.mark.parametrize("address", ["clients/", "mailings/"])
def test_more_than_1_mib_of_json_is_refused(api: Caller, address: str) -> None:
    answer = api.post(address, {"text": "x" * MIB})

    assert answer.status_code == 413
    assert errors_of(answer) == {"body": "Send at most 1 MiB at once."}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"]
)
@pytest.mark.parametrize("address", ["clients/", "clients/bulk/", "mailings/"])
def test_anything_but_json_is_refused(api: Caller, address: str, kind: str) -> None:
    answer = api.call("POST", address, raw=b"x=1", content_type=kind)

    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


def test_a_body_of_no_announced_length_is_refused(api: Caller) -> None:
    answer = api.http.generic(
        "POST",
        "/api/v1/clients/",
        headers={"transfer-encoding": "chunked"},
        content_type="application/json",
    )

    assert answer.status_code == 411
    assert "Content-Length" in answer.json()["detail"]


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-7", "hex", "nonsense"])
def test_json_is_utf_8_whatever_its_label(api: Caller, charset: str) -> None:
    answer = api.call(
        "POST",
        "clients/",
        raw='{"phone_number": "79261234567", "tag": "Й"}'.encode(),
        content_type=f"application/json; charset={charset}",
    )

    assert (answer.status_code, answer.json()["tag"]) == (201, "Й")


def test_an_answer_in_another_format_is_not_to_be_had(api: Caller) -> None:
    assert api.get("clients/", accept="text/html").status_code == 406
    assert api.get("clients/", accept="application/json").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_an_address_does_not_know_is_refused(api: Caller, method: str) -> None:
    answer = api.call(method, "messages/")

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"


def _is_refused(answer: Any, field: str, remedy: str) -> None:
    assert answer.status_code == 400
    assert field in errors_of(answer), answer.content
    assert remedy in errors_of(answer)[field]
    assert field in answer.json()["detail"]

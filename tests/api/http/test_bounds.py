"""The work and the answer stay small for a request with any number of errors."""

import json
import time
from typing import Any

import pytest

from tests.api.caller import Caller, errors_of, mailing_body
from vestnik.api.http.parsers import MIB

LONG = "k" * 70_000
SECONDS = 5
#: Bytes of an answer: mostly the paths and remedies of a hundred errors.
MOST_BYTES = 256 * 1024

CLIENT = {"phone_number": "79261234567"}
HOSTILE: dict[str, tuple[str, Any]] = {
    "a long key over many bad strings": ("clients/", {**CLIENT, LONG: ["\x00"] * 3000}),
    "a long key over many good numbers": ("clients/bulk/", [{LONG * 20: [1] * 400_000}]),
    "a long key within long keys": (
        "clients/",
        {**CLIENT, "attributes": {LONG: {LONG: ["\ud800"] * 20_000}}},
    ),
    "many unknown keys": ("clients/", {**CLIENT, **{f"k{n}": 1 for n in range(60_000)}}),
    "many unknown keys of a mailing": (
        "mailings/",
        mailing_body(**{f"k{n}": 1 for n in range(60_000)}),
    ),
    "many unknown kinds of a filter": (
        "mailings/",
        mailing_body(filter={f"k{n}": 1 for n in range(60_000)}),
    ),
    "many attributes of a filter": (
        "mailings/",
        mailing_body(filter={"attributes": {f"{n}" * 30: None for n in range(6000)}}),
    ),
    "an attribute of a long name": (
        "mailings/",
        mailing_body(filter={"attributes": {LONG: None}}),
    ),
    "many wrong hours": (
        "mailings/",
        mailing_body(local_hours={f"k{n}": 1 for n in range(60_000)}),
    ),
    "many wrong numbers": ("stop-list/", {"phone_numbers": ["8"] * 200_000}),
    "10,000 wrong numbers": ("stop-list/", {"phone_numbers": ["8"] * 10_000}),
    "10,000 wrong clients": ("clients/bulk/", [{f"k{n}": 1 for n in range(40)}] * 10_000),
    "10,000 clients of wrong numbers": ("clients/bulk/", [{"phone_number": "8"}] * 10_000),
    "one client of 400,000 wrong keys": ("clients/bulk/", [{f"k{n}": 1 for n in range(400_000)}]),
    "10,000 clients of long numbers": ("clients/bulk/", [{"phone_number": "+7(" * 100}] * 10_000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_work_and_answers_are_bounded(api: Caller, case: str) -> None:
    address, body = HOSTILE[case]
    raw = json.dumps(body).encode()
    began = time.process_time()

    answer = api.call("POST", address, raw=raw)

    assert time.process_time() - began < SECONDS
    assert answer.status_code in (200, 400)
    assert len(answer.content) < MOST_BYTES + (400 * 1024 if "bulk" in address else 0)
    if answer.status_code == 400:
        assert 0 < len(answer.json()["errors"]) <= 100
        assert all(len(field) <= 500 for field in errors_of(answer))


def test_of_a_list_the_first_hundred_errors_are_named(api: Caller) -> None:
    answer = api.post("clients/bulk/", [{"phone_number": "8"}] * 150).json()

    assert answer["invalid"] == 150
    assert [bool(result["errors"]) for result in answer["results"]] == [True] * 100 + [False] * 50


def test_bodies_have_a_limit_whatever_their_kind(api: Caller) -> None:
    form = "multipart/form-data; boundary=x"
    too_large = [
        api.call("POST", "clients/", raw=b"[" * (MIB + 1)),
        api.call("POST", "clients/bulk/", raw=b" " * (16 * MIB + 1)),
        api.http.post("/api/v1/receipts/console/", b"x" * (MIB + 1), content_type="text/plain"),
        api.http.generic(
            "POST", "/api/v1/clients/imports/", b"x", content_type=form, CONTENT_LENGTH=str(2**40)
        ),
    ]

    assert [answer.status_code for answer in too_large] == [413] * 4

"""The stop list after a change of SECRET_KEY, by which its hashes are keyed."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.caller import Caller
from tests.audience.import_files import take
from tests.builders import make_client
from vestnik.audience.models import StopListEntry
from vestnik.audience.stop_list import Source, hash_of
from vestnik.dispatch.suppress import opt_out
from vestnik.dispatch.suppress.erasure import erase_client

pytestmark = pytest.mark.django_db

KNOWN, NEW = "79261234567", "79031234567"


@pytest.fixture
def listed_under_another_key(settings: Any) -> str:
    """A number in clear; its hash as the key before made it."""
    opt_out.stop_numbers([KNOWN], Source.API)
    old = hash_of(KNOWN)
    settings.SECRET_KEY = "another"
    assert hash_of(KNOWN) != old
    return old


@pytest.mark.parametrize("way", ["api", "inbound", "import"])
def test_others_are_put_on_the_list_together_with_who_is_there(
    listed_under_another_key: str, way: str
) -> None:
    match way:
        case "api":
            answer = Caller().post("stop-list/", {"phone_numbers": [KNOWN, NEW]})
            assert (answer.status_code, answer.json()) == (200, {"added": 1, "known": 1})
        case "inbound":
            assert opt_out.stop_numbers([KNOWN, NEW], Source.INBOUND) == 1
        case "import":
            take(f"phone\n{KNOWN}\n{NEW}\n".encode(), into="stop_list")

    entries = dict(StopListEntry.objects.values_list("phone_number", "phone_hash"))
    assert entries == {KNOWN: hash_of(KNOWN), NEW: hash_of(NEW)}


def test_who_is_there_is_found_by_the_number(listed_under_another_key: str) -> None:
    [entry] = Caller().get(f"stop-list/?phone_number={KNOWN}").json()["results"]

    assert entry["phone_number"] == KNOWN


def test_who_is_erased_then_is_known_again(listed_under_another_key: str) -> None:
    erase_client(make_client(KNOWN).id)
    make_again = Caller().post("clients/", {"phone_number": KNOWN})

    assert make_again.status_code == 201
    assert StopListEntry.objects.get().phone_number == KNOWN


@pytest.fixture
def stopped_under_two_keys(settings: Any) -> None:
    """Erased under the key of now, and stopped again, in clear, under one that has gone since."""
    now = settings.SECRET_KEY
    opt_out.stop_numbers([KNOWN], Source.API)
    erase_client(make_client(KNOWN).id)
    settings.SECRET_KEY = "for a while"
    opt_out.stop_numbers([KNOWN], Source.PAGES)
    settings.SECRET_KEY = now
    assert StopListEntry.objects.count() == 2


FILE = f"phone\n{KNOWN}\n{NEW}\n".encode()


def change_number() -> int:
    return Caller().patch(f"clients/{make_client(NEW).id}/", {"phone_number": KNOWN}).status_code


def post(address: str, body: Any) -> Any:
    return Caller().post(address, body)


Way = Callable[[], object]
WAYS: dict[str, tuple[Way, object]] = {
    "stop": (
        lambda: post("stop-list/", {"phone_numbers": [KNOWN, NEW]}).json(),
        {"added": 1, "known": 1},
    ),
    "stop word": (lambda: opt_out.stop_numbers([KNOWN, NEW], Source.INBOUND), 1),
    "stop file": (lambda: take(FILE, into="stop_list").created, 1),
    "client": (lambda: post("clients/", {"phone_number": KNOWN}).status_code, 201),
    "corrected number": (change_number, 200),
    "list of clients": (
        lambda: post("clients/bulk/", [{"phone_number": KNOWN}]).json()["created"],
        1,
    ),
    "file of clients": (lambda: take(FILE).created, 2),
    "test send": (
        lambda: post(
            "mailings/test-send/", {"text": "Hello", "phone_numbers": [KNOWN]}
        ).status_code,
        201,
    ),
    "erasure": (lambda: erase_client(make_client(KNOWN).id) is not None, True),
}


@pytest.mark.parametrize("way", WAYS)
def test_after_the_return_of_a_key_a_number_is_in_nobodys_way(
    stopped_under_two_keys: None, way: str
) -> None:
    act, result = WAYS[way]
    assert act() == result

    [entry] = StopListEntry.objects.exclude(phone_number=NEW)
    assert entry.phone_number == (None if way == "erasure" else KNOWN)
    opt_out.stop_numbers([KNOWN], Source.API)
    assert StopListEntry.objects.get(phone_number=KNOWN).phone_hash == hash_of(KNOWN)

"""A test send, audited at the gateway."""

from collections.abc import Iterator

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.gateways import http, stack_at
from tests.pipeline.mailings import audit, fill, wait_ended
from tests.stack.running import RunningStack

NUMBERS = [f"7926000000{n}" for n in range(5)]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


@pytest.fixture(scope="module")
def stack(gateway: Standing) -> Iterator[RunningStack]:
    with stack_at(gateway, http(gateway, "main")) as running:
        yield running


def test_the_numbers_get_it_once_and_nobody_else(stack: RunningStack, gateway: Standing) -> None:
    fill(stack, 100)
    stack.api("POST", "stop-list/", {"phone_numbers": NUMBERS[4:]})
    body = {"text": "To {{ tag }}", "provider": "main", "phone_numbers": NUMBERS}

    answers = [stack.api("POST", "mailings/test-send/", body, Idempotency_Key="k") for _ in "ab"]

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    sent_test = answers[0].body
    ended = wait_ended(stack, sent_test["mailing"]["id"], seconds=10)
    report = audit(stack, ended["id"], gateway.times())
    assert (ended["state"], ended["test"]) == ("finished", True)
    assert report.adds_up
    assert report.rows == {"sent": 4, "suppressed": 1}
    assert gateway.times() == dict.fromkeys(NUMBERS[:4], 1)
    assert {taken.text for taken in gateway.taken} == {sent_test["text"]}
    assert all(0 < int(taken.validity) <= 600 for taken in gateway.taken)

"""Status queries settle unknown messages, over real sockets."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import aiohttp
import pytest

from tests.builders import counts, make_running
from tests.dispatch.dispatching import open_dispatcher, provider, provider_pool
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from vestnik.dispatch.reconcile import status_poller, unknown_messages
from vestnik.dispatch.suppress import erasure
from vestnik.mailings.models import CANCEL, Mailing
from vestnik.providers.base import Accepted, Deferred, Reply, Sink, StatusQuery
from vestnik.providers.http_gateway import HttpGatewayConnection, HttpGatewayProvider
from vestnik.providers.options import Options
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


class Askable(HttpGatewayProvider):
    """Looks our ids up in the gateway's ledger; what is not there never arrived."""

    can_query: ClassVar[bool] = True

    def configure(self, options: Options) -> None:
        self.gateway_url = options.peek("url")
        super().configure(options)

    async def connect(self, sink: Sink) -> "AskableConnection":
        return AskableConnection(self)


class AskableConnection(HttpGatewayConnection):
    async def ask(self, questions: Sequence[StatusQuery]) -> list[Reply]:
        address = f"{self.provider.gateway_url}/control/messages"
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            known = {taken["message_id"]: taken["provider_id"] for taken in await answer.json()}
        return [
            Accepted(known[q.message_id]) if q.message_id in known else Deferred("not there")
            for q in questions
        ]


@pytest.fixture
def askable(settings: Any, gateway: Standing) -> Iterator[None]:
    backend = "tests.dispatch.reconcile.test_status_poller.Askable"
    with provider(settings, "main", backend, url=gateway.url, deadline="1"):
        yield


def mailing_with_unknown(gateway: Standing, *acts: str, alias: str = "main") -> Mailing:
    """Send a mailing of which the first messages meet these actions and one more is accepted."""
    mailing = make_running(len(acts) + 1, provider=alias)
    gateway.set(once=acts)
    with open_dispatcher(alias) as found:
        found.work()
    assert counts(mailing)["unknown"] == len(acts)
    return mailing


def ask(mailing: Mailing) -> int:
    with provider_pool() as found:
        return status_poller.poll(mailing.id, found, lambda: False)


def test_what_it_has_is_sent_and_what_it_has_not_goes_again(
    askable: None, gateway: Standing
) -> None:
    mailing = mailing_with_unknown(gateway, "take_and_drop", "drop", "take_and_fail")

    assert ask(mailing) == 3

    assert counts(mailing) == {"queued": 1, "sent": 3}
    assert_it_adds_up(mailing)
    with open_dispatcher("main") as found:
        found.work()
    assert counts(mailing) == {"sent": 4}
    assert set(gateway.times().values()) == {1}


def test_it_is_not_asked_again_at_once(askable: None, gateway: Standing) -> None:
    mailing = mailing_with_unknown(gateway, "take_and_drop")
    assert ask(mailing) == 1
    assert ask(mailing) == 0


def test_what_is_over_is_not_queued_again(askable: None, gateway: Standing) -> None:
    mailing = mailing_with_unknown(gateway, "take_and_drop", "drop")
    mailing.apply(CANCEL, actor="test")

    assert ask(mailing) == 1

    assert counts(mailing) == {"sent": 2, "unknown": 1}
    assert_it_adds_up(mailing)


def test_who_was_erased_meanwhile_is_not_queued_again(askable: None, gateway: Standing) -> None:
    mailing = mailing_with_unknown(gateway, "drop")
    erasure.erase_client(mailing.messages.get(state="unknown").client_id)

    assert ask(mailing) == 0

    assert counts(mailing) == {"sent": 1, "unknown": 1}


def test_one_that_cannot_be_asked_is_not(settings: Any, gateway: Standing) -> None:
    with provider(settings, "main", "http_gateway", url=gateway.url, deadline="1"):
        mailing = mailing_with_unknown(gateway, "take_and_drop")
        assert ask(mailing) == 0
        assert status_poller.mailings_to_poll(describe("main")) == []
    assert unknown_messages.mailings_to_ask([]) == []
    assert unknown_messages.mailings_to_ask(["main"]) == [mailing.id]


@pytest.fixture
def vendor(settings: Any, gateway: Standing) -> Iterator[None]:
    options = {"url": gateway.url, "login": "x", "password": "y", "deadline": "1"}
    with provider(settings, "vendor", "smsc", **options):
        yield


@pytest.mark.parametrize(
    ("wishes", "settled"),
    [
        ({}, {"sent": 2, "unknown": 1}),
        ({"receipts": True}, {"delivered": 1, "sent": 1, "unknown": 1}),
        ({"receipts": True, "undelivered": 100}, {"sent": 1, "undelivered": 1, "unknown": 1}),
    ],
)
def test_a_vendor_tells_how_far_a_message_got(
    vendor: None, gateway: Standing, wishes: dict[str, Any], settled: dict[str, int]
) -> None:
    mailing = mailing_with_unknown(gateway, "take_and_drop", "drop", alias="vendor")
    gateway.set(**wishes)

    assert ask(mailing) == 1

    assert counts(mailing) == settled
    assert_it_adds_up(mailing)


def test_a_vendor_that_does_not_answer_settles_nothing(vendor: None, gateway: Standing) -> None:
    mailing = mailing_with_unknown(gateway, "take_and_drop", alias="vendor")
    gateway.down()
    assert ask(mailing) == 0
    assert counts(mailing) == {"sent": 1, "unknown": 1}

"""A mailing whose provider refuses the account says so within seconds, until it goes again."""

import time
from typing import Any

import pytest

from tests.builders import counts, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.send.test_batch_sender import make_everything_due
from tests.dispatch.send.test_one_recipient import work_until
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from vestnik.api.mailings.views import serialize
from vestnik.dispatch.models import Breaker
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.reports.action_items import action_items
from vestnik.reports.mailing.snapshot import snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)

FORBIDDEN = "the provider refuses the account (403): forbidden"
UNKNOWN = (
    "the provider refuses the account (2): login or password is wrong, or the address is not "
    "allowed (authorise error)"
)
REFUSED_BIND = "the provider refuses the account (ESME_RINVPASWD)"


def refuse(gateway: Standing, backend: str, *, refused: bool) -> None:
    gateway.set(percent={"forbid": 100} if refused else {})
    gateway.sandbox.smpp.bind_status = 0x0E if refused else 0


def options_of(gateway: Standing, backend: str) -> dict[str, str]:
    if backend == "smpp":
        port = str(gateway.sandbox.smpp_port)
        return {"host": "127.0.0.1", "port": port, "system_id": "v", "reconnect_most": "0.2"}
    return {"url": gateway.url, **({"apikey": "k"} if backend == "smsc" else {})}


def held(mailing: Mailing) -> str:
    mailing.refresh_from_db()
    return str(serialize(mailing)[0]["held"])


@pytest.mark.parametrize(
    ("backend", "reason", "clients"),
    [
        ("http_gateway", FORBIDDEN, 1),
        ("http_gateway", FORBIDDEN, 50),
        ("smsc", UNKNOWN, 20),
        ("smpp", REFUSED_BIND, 50),
    ],
)
def test_a_refused_account_holds_the_mailing_and_says_so(
    settings: Any, backend: str, reason: str, clients: int
) -> None:
    mailing = make_running(clients, provider="main")
    with Standing(smpp=True) as gateway:
        refuse(gateway, backend, refused=True)
        given = options_of(gateway, backend)
        with provider(settings, "main", backend, **given), open_dispatcher("main") as main:
            assert held(mailing) == ""
            work_until(main, lambda: bool(held(mailing)))
            assert held(mailing) == f"held: {reason}"
            going = snapshot_of(mailing.id)
            assert going is not None
            assert going.held == reason
            assert [(one.kind, one.reason) for one in action_items()] == [("breaker", reason)]
            assert counts(mailing) == {"queued": clients}

            refuse(gateway, backend, refused=False)

            def through() -> bool:
                make_everything_due()
                time.sleep(0.1)
                return counts(mailing) == {"sent": clients}

            work_until(main, through)
        assert Breaker.objects.get().state == "closed"
        assert held(mailing) == ""
        assert max(mailing.messages.values_list("attempts", flat=True)) == 1
        assert_it_adds_up(mailing)


def test_only_a_mailing_that_runs_is_held(settings: Any) -> None:
    mailing = make_running(1, provider="main")
    Breaker.objects.create(alias="main", state="open", reason="connection refused")
    assert held(mailing) == "held: connection refused"
    mailing.apply(PAUSE, actor="test")
    assert held(mailing) == ""
    going = snapshot_of(mailing.id)
    assert going is not None
    assert going.held == ""

"""A worker that cannot connect rests alone; workers that can connect are not affected."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.builders import counts, enlist_all, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from vestnik.dispatch.models import Breaker
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.record import claims
from vestnik.dispatch.send.circuit_breaker import SHORTEST
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.dispatch.signals.answering import publish_answers
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db(transaction=True)

NO_MORE_BINDS = 0x0D  # ESME_RBINDFAIL


@pytest.fixture
def smsc() -> Iterator[Standing]:
    with Standing(smpp=True) as standing:
        yield standing


@contextmanager
def two_workers(settings: Any, smsc: Standing) -> Iterator[tuple[Dispatcher, Dispatcher]]:
    options = {"host": "127.0.0.1", "port": str(smsc.sandbox.smpp_port), "system_id": "vestnik"}
    with (
        provider(settings, "narrow", "smpp", **options, sender="Vestnik"),
        open_dispatcher("narrow") as one,
        open_dispatcher("narrow") as other,
    ):
        yield one, other


def another() -> Mailing:
    """Create mailings to the same clients."""
    mailing = make_mailing(provider="narrow")
    assert launch.launch(mailing.id)
    enlist_all(mailing)
    return mailing


def test_who_may_not_bind_stops_nobody_who_is_bound(settings: Any, smsc: Standing) -> None:
    first = make_running(200, provider="narrow")
    with two_workers(settings, smsc) as (bound, unbound):
        bound.work()
        assert counts(first) == {"sent": 200}
        smsc.sandbox.smpp.bind_status = NO_MORE_BINDS

        for _ in range(3):
            mailing = another()
            publish_answers()  # as a job of each worker does every second
            unbound.work()
            assert counts(mailing) == {"queued": 200}
            assert claims.next_due("narrow") is None or claims.next_due("narrow") < 0.2
            time.sleep(0.2)  # then the batch is due for other workers
            claims.promote_due()
            bound.work()
            assert counts(mailing) == {"sent": 200}
            assert_it_adds_up(mailing)
            time.sleep(SHORTEST / 2)  # during its rest
        assert set(mailing.messages.values_list("attempts", flat=True)) == {1}
    assert not Breaker.objects.exists()
    assert set(smsc.times().values()) == {4}

"""The provider's ids belong to messages, and receipts find the messages by them."""

from datetime import UTC, datetime

import pytest

from tests.builders import counts, make_running
from tests.dispatch.sent import add, assert_it_adds_up, claim_of, due_ids, mark_in_flight
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.record.recorder import record_and_release, record_late
from vestnik.mailings.models import Mailing
from vestnik.providers.base import Receipt

pytestmark = pytest.mark.django_db


def apply_to(mailing: Mailing, provider_id: str) -> dict[str, int]:
    """Return the counts after a receipt with that id."""
    receipts.apply("null", [Receipt("null", "delivered", datetime.now(UTC), provider_id)])
    assert_it_adds_up(mailing)
    return counts(mailing)


@pytest.mark.parametrize("at_once", [True, False])
def test_an_id_that_is_used_again_is_the_newest_messages(at_once: bool) -> None:
    mailing = make_running(2)
    older, newer = mailing.messages.order_by("id").values_list("id", flat=True)
    for group in [[older, newer]] if at_once else [[older], [newer]]:
        claim = claim_of(mailing)
        settled = mark_in_flight(claim, group)
        for message in group:
            add(settled, message, "sent", "p-1")
        assert record_and_release(claim, settled)
    assert apply_to(mailing, "p-1") == {"delivered": 1, "sent": 1}
    assert mailing.messages.get(state="delivered").id == newer


def test_a_hand_over_that_is_recorded_twice_keeps_what_its_parts_were_told() -> None:
    mailing = make_running(1)
    claim = claim_of(mailing)
    [message] = due_ids(claim)
    settled = mark_in_flight(claim, [message])
    settled.add(message, "sent", 0.1, provider_id="p-1")
    settled.add_parts(message, ["p-1", "p-2"])
    assert record_and_release(claim, settled)
    assert apply_to(mailing, "p-1") == {"sent": 1}
    record_late(claim, settled)
    assert apply_to(mailing, "p-2") == {"delivered": 1}

"""Receipts in any order, repeated, late or too early; the sums hold after each."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from tests.builders import counts, enlist_all, make_mailing, make_running
from tests.dispatch.sent import (
    add,
    assert_it_adds_up,
    claim_of,
    due_ids,
    expire_leases,
    mark_in_flight,
    record,
)
from vestnik.db import sql
from vestnik.dispatch.models import HandOver, UnmatchedReceipt
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_release
from vestnik.mailings.models import Mailing
from vestnik.providers.base import Receipt

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def receipt(
    provider_id: str = "", state: str = "delivered", message: int | None = None, minute: int = 0
) -> Receipt:
    error = "" if state == "delivered" else "027: no such number"
    at = AT + timedelta(minutes=minute)
    return Receipt("null", state, at, provider_id=provider_id, message_id=message, error=error)


def apply(mailing: Mailing, *found: Receipt) -> dict[str, int]:
    """Return the counts; those by messages and those by batches are equal."""
    receipts.apply("null", found)
    assert_it_adds_up(mailing)
    return counts(mailing)


@pytest.fixture
def mailing() -> Iterator[Mailing]:
    """Three sent messages with the provider's ids p-1, p-2 and p-3."""
    mailing = make_running(3)
    record(mailing, ["sent"] * 3)
    yield mailing
    assert_it_adds_up(mailing)


def ids(mailing: Mailing) -> list[int]:
    return list(mailing.messages.order_by("id").values_list("id", flat=True))


def test_a_receipt_finds_its_message_by_the_providers_id(mailing: Mailing) -> None:
    assert apply(mailing, receipt("p-1"), receipt("p-3", "undelivered")) == {
        "delivered": 1,
        "sent": 1,
        "undelivered": 1,
    }
    first, _, third = mailing.messages.order_by("id")
    assert (first.state, first.delivered_at, first.error) == ("delivered", AT, None)
    assert (third.state, third.delivered_at) == ("undelivered", None)
    assert third.error == "027: no such number"


def test_a_receipt_finds_its_message_by_our_id(mailing: Mailing) -> None:
    assert apply(mailing, receipt(message=ids(mailing)[1])) == {"delivered": 1, "sent": 2}


def test_a_receipt_of_another_provider_finds_nothing(mailing: Mailing) -> None:
    receipts.apply("other", [receipt("p-1")])
    assert counts(mailing) == {"sent": 3}


@pytest.mark.parametrize("theirs", ["", "q-1"])
def test_who_speaks_for_another_provider_settles_nothing_by_our_ids(
    mailing: Mailing, theirs: str
) -> None:
    [message, *_] = ids(mailing)
    for found in (receipt(theirs, message=message), receipt("q-2", message=10**12)):
        receipts.apply("other", [found])
        receipts.match_kept()
    assert counts(mailing) == {"sent": 3}
    assert [kept.message_id for kept in UnmatchedReceipt.objects.order_by("id")] == [
        message,
        10**12,
    ]


def test_what_is_kept_of_another_provider_is_not_kept_anew(mailing: Mailing) -> None:
    """A receipt with a date in the future would never be deleted."""
    receipts.apply("other", [receipt(message=ids(mailing)[0])])
    kept = UnmatchedReceipt.objects.get()
    receipts.match_kept()
    assert UnmatchedReceipt.objects.get() == kept


@pytest.mark.parametrize("at_once", [True, False])
def test_a_repeated_receipt_counts_once(mailing: Mailing, at_once: bool) -> None:
    found = [receipt("p-1"), receipt("p-1"), receipt("p-1", message=ids(mailing)[0])]
    for group in [found] if at_once else [[one] for one in found]:
        assert apply(mailing, *group) == {"delivered": 1, "sent": 2}
    assert not UnmatchedReceipt.objects.exists()


@pytest.mark.parametrize("order", list(permutations(["delivered", "undelivered"])))
def test_the_first_final_word_stands(mailing: Mailing, order: tuple[str, str]) -> None:
    for state in order:
        apply(mailing, receipt("p-1", state))
    assert counts(mailing) == {order[0]: 1, "sent": 2}


def test_a_receipt_comes_late_also_for_a_mailing_that_is_over(mailing: Mailing) -> None:
    sql.run("UPDATE mailings_mailing SET state = 'finished', finished_at = clock_timestamp()")
    assert apply(mailing, receipt("p-2")) == {"delivered": 1, "sent": 2}


def test_one_that_comes_before_its_hand_over_is_recorded_is_kept_until_then() -> None:
    mailing = make_running(2)
    claim = claim_of(mailing)
    by_their_id, by_ours = due_ids(claim)
    settled = mark_in_flight(claim, [by_their_id, by_ours])
    assert apply(mailing, receipt("p-1"), receipt(message=by_ours)) == {"queued": 2}
    assert UnmatchedReceipt.objects.count() == 2

    add(settled, by_their_id, "sent", "p-1")
    add(settled, by_ours, "sent")
    assert record_and_release(claim, settled)
    receipts.apply_kept("null", settled.part_ids, settled.ids)

    assert counts(mailing) == {"delivered": 2}
    assert_it_adds_up(mailing)
    assert not UnmatchedReceipt.objects.exists()


def test_one_that_slips_in_after_the_look_for_kept_ones_is_matched_by_the_tick() -> None:
    mailing = make_running(1)
    receipts.apply("null", [receipt("p-1")])
    record(mailing, ["sent"])
    receipts.match_kept()
    assert counts(mailing) == {"delivered": 1}
    assert not UnmatchedReceipt.objects.exists()


def test_one_for_a_flight_whose_worker_died_settles_the_unknown() -> None:
    mailing = make_running(1)
    claim = claim_of(mailing)
    [message] = due_ids(claim)
    mark_in_flight(claim, [message])
    receipts.apply("null", [receipt(message=message)])
    receipts.match_kept()
    assert counts(mailing) == {"queued": 1}

    expire_leases()
    assert counts(mailing) == {"unknown": 1}
    receipts.match_kept()

    assert counts(mailing) == {"delivered": 1}
    assert_it_adds_up(mailing)


@pytest.mark.parametrize("state", ["delivered", "undelivered"])
def test_a_receipt_settles_the_unknown(state: str) -> None:
    mailing = make_running(2)
    _, unknown = record(mailing, ["sent", "unknown"])
    assert apply(mailing, receipt(state=state, message=unknown)) == {
        state: 1,
        "sent": 1,
    }
    message = mailing.messages.get(id=unknown)
    assert message.sent_at is not None
    assert message.attempt_id is None


def test_one_for_what_is_out_again_waits_for_its_hand_over() -> None:
    mailing = make_running(1)
    [message] = record(mailing, ["unknown"])
    HandOver.objects.create(alias="null", provider_message_id="first", message_id=message)
    unknown_messages.resend(mailing, actor="test")
    claim = claim_of(mailing)
    settled = mark_in_flight(claim, [message])
    assert apply(mailing, receipt("first")) == {"queued": 1}

    add(settled, message, "sent", "second")
    assert record_and_release(claim, settled)
    receipts.apply_kept("null", settled.part_ids, settled.ids)

    assert counts(mailing) == {"delivered": 1}


@pytest.mark.parametrize("state", ["failed"])
def test_a_receipt_does_not_change_what_is_final(state: str) -> None:
    mailing = make_running(1)
    [message] = record(mailing, [state])
    assert apply(mailing, receipt(message=message)) == {state: 1}


def in_parts(mailing: Mailing, parts: int) -> int:
    """Create a message sent in parts p-1, p-2 and so on; return its id."""
    claim = claim_of(mailing)
    [message] = due_ids(claim)
    settled: OutcomeBatch = mark_in_flight(claim, [message])
    settled.add(message, "sent", 0.1, provider_id="p-1")
    settled.add_parts(message, [f"p-{number}" for number in range(1, parts + 1)])
    assert record_and_release(claim, settled)
    return message


@pytest.mark.parametrize("order", list(permutations(["p-1", "p-2", "p-3"])))
def test_a_message_in_parts_is_delivered_with_its_last_part(order: tuple[str, ...]) -> None:
    mailing = make_running(1)
    in_parts(mailing, 3)
    first, second, third = order
    assert apply(mailing, receipt(first)) == {"sent": 1}
    assert apply(mailing, receipt(first), receipt(second)) == {"sent": 1}
    assert apply(mailing, receipt(third)) == {"delivered": 1}


def test_a_message_in_parts_is_undelivered_with_the_first_part_that_is() -> None:
    mailing = make_running(1)
    in_parts(mailing, 2)
    assert apply(mailing, receipt("p-2", "undelivered")) == {"undelivered": 1}
    assert apply(mailing, receipt("p-1")) == {"undelivered": 1}


def test_all_parts_in_one_go() -> None:
    mailing = make_running(1)
    in_parts(mailing, 3)
    found = [receipt("p-2", minute=1), receipt("p-1", minute=5), receipt("p-3", minute=3)]
    assert apply(mailing, *found) == {"delivered": 1}
    assert mailing.messages.get().delivered_at == AT + timedelta(minutes=5)


def test_the_part_that_is_undelivered_says_why() -> None:
    mailing = make_running(1)
    in_parts(mailing, 2)
    assert apply(mailing, receipt("p-1"), receipt("p-2", "undelivered")) == {"undelivered": 1}
    assert mailing.messages.get().error == "027: no such number"


def test_what_nothing_matches_is_forgotten_after_days() -> None:
    receipts.apply("null", [receipt("nobody")])
    receipts.forget_old()
    assert UnmatchedReceipt.objects.count() == 1
    sql.run("UPDATE dispatch_keptreceipt SET kept_at = kept_at - interval '4 days'")
    receipts.forget_old()
    assert not UnmatchedReceipt.objects.exists()


def test_thousands_at_once_over_several_batches() -> None:
    mailing = make_running(2_500)
    for number in range(3):
        record(mailing, ["sent"] * 1_000 if number < 2 else ["sent"] * 500, first=number * 1_000)
    found = [receipt(f"p-{number}") for number in range(2_500)]
    assert apply(mailing, *found, *reversed(found)) == {"delivered": 2_500}


def test_an_id_that_is_used_again_stands_for_the_newest_message(mailing: Mailing) -> None:
    """An SMSC's counter starts over, or gives one id to two messages at once."""
    again = make_mailing()
    launch.launch(again.id)
    enlist_all(again)
    claim = claim_of(again)
    first, second, third = due_ids(claim)
    settled = mark_in_flight(claim, [first, second, third])
    for message, provider_id in ((first, "p-1"), (second, "p-9"), (third, "p-9")):
        add(settled, message, "sent", provider_id)
    assert record_and_release(claim, settled)

    apply(again, receipt("p-1"), receipt("p-9"))

    assert counts(mailing) == {"sent": 3}
    states = dict(again.messages.values_list("id", "state"))
    assert states == {first: "delivered", second: "sent", third: "delivered"}


def test_the_parts_of_an_id_that_is_used_again_are_waited_for_anew() -> None:
    old = make_running(1)
    in_parts(old, 2)
    apply(old, receipt("p-1"), receipt("p-2"))
    new = make_mailing()
    launch.launch(new.id)
    enlist_all(new)
    in_parts(new, 2)
    assert apply(new, receipt("p-1")) == {"sent": 1}
    assert apply(new, receipt("p-2")) == {"delivered": 1}


def about(number: str, provider_id: str = "", message: int | None = None) -> Receipt:
    return replace(receipt(provider_id, message=message), phone_number=number)


def test_a_receipt_about_another_number_settles_nothing(mailing: Mailing) -> None:
    """Another application of the same account has numeric ids, too."""
    first, second, _ = mailing.messages.order_by("id")
    strangers = [about("79990000000", "p-1"), about("79990000000", message=second.id)]
    assert apply(mailing, *strangers) == {"sent": 3}
    assert not UnmatchedReceipt.objects.exists()
    own = [about(f"+{first.phone_number}", "p-1"), about(second.phone_number, message=second.id)]
    assert apply(mailing, *own) == {"delivered": 2, "sent": 1}


def test_an_id_that_starts_again_is_not_the_old_messages(mailing: Mailing) -> None:
    """The receipt comes before the new hand-over is recorded: it waits for it."""
    sql.run(
        "UPDATE mailings_mailing SET starts_at = now() - interval '9 days',"
        " ends_at = now() - interval '4 days'"
    )
    assert apply(mailing, receipt("p-1")) == {"sent": 3}
    assert UnmatchedReceipt.objects.count() == 1
    new = make_mailing()
    assert launch.launch(new.id)
    enlist_all(new)
    record(new, ["sent"] * 3)
    receipts.apply_kept("null", ["p-1"], [])
    assert (counts(mailing), counts(new)) == ({"sent": 3}, {"delivered": 1, "sent": 2})

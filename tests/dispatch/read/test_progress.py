"""The sums over batches, and the displayed state of queued messages."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.builders import make_mailing, make_running
from vestnik.dispatch.models import Batch
from vestnik.dispatch.read.progress import progress_of, total
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

pytestmark = pytest.mark.django_db


def seen(mailing: Mailing) -> dict[str, int]:
    found = progress_of([mailing.id])[mailing.id]
    assert found["matched"] == sum(found.values()) - found["matched"]
    return {state: count for state, count in found.items() if count}


def mark_in_flight(count: int) -> None:
    """Put `count` messages of the first batch in flight."""
    batch = Batch.objects.earliest("id")
    first = batch.first_message_id
    batch.in_flight = list(range(first, first + count))
    batch.state, batch.claim_id, batch.attempt_id = "claimed", 1, 1
    batch.save()


def test_what_is_in_flight_is_sending_and_not_queued() -> None:
    mailing = make_running(10)
    mark_in_flight(3)

    assert seen(mailing) == {"matched": 10, "queued": 7, "sending": 3}


def test_a_pause_changes_no_count() -> None:
    mailing = make_running(10)
    mailing.apply(PAUSE, actor="test")

    assert seen(mailing) == {"matched": 10, "queued": 10}


def test_after_a_cancel_what_is_in_flight_is_still_sending_and_the_rest_cancelled() -> None:
    mailing = make_running(10)
    mark_in_flight(3)
    mailing.apply(CANCEL, actor="test")

    assert seen(mailing) == {"matched": 10, "sending": 3, "cancelled": 7}


@pytest.mark.parametrize("state", ["running", "paused", "finished"])
def test_after_the_end_the_rest_is_expired(state: str) -> None:
    mailing = make_running(10)
    mark_in_flight(3)
    Mailing.objects.update(
        state=state,
        starts_at="2026-01-01T00:00:00Z",
        ends_at="2026-01-02T00:00:00Z",
        finished_at="2026-01-02T00:00:00Z" if state == "finished" else None,
    )

    assert seen(mailing) == {"matched": 10, "sending": 3, "expired": 7}


def test_a_mailing_without_messages_has_nothing_of_any_state() -> None:
    assert seen(make_mailing()) == {}


def test_many_mailings_are_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ids = [make_running(2).id, *(make_mailing().id for _ in range(19))]

    with django_assert_num_queries(1):
        found = progress_of(ids)

    assert list(found) == ids
    assert found[ids[0]]["queued"] == 2


def test_the_total_is_the_sum_of_all() -> None:
    cancelled = make_running(4)
    cancelled.apply(CANCEL, actor="test")

    assert total() == progress_of([cancelled.id])[cancelled.id]

"""Mailings with local hours: which client is sent to at which time."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.builders import counts, enlist_all, make_client, make_mailing
from tests.dispatch.record.test_recorder import due_ids
from tests.mailings.test_hours import RUSSIAN
from vestnik.audience.models import Client
from vestnik.dashboard.wording.reasons import said
from vestnik.db import sql
from vestnik.dispatch.prepare import local_hours
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import database_now

pytestmark = pytest.mark.django_db

LEASE = 30.0


def hours_at(zone: str, first: float, last: float) -> dict[str, str]:
    """Return hours by minutes from the zone's present time: from the first to the second."""
    now = database_now().astimezone(ZoneInfo(zone))
    ends = [now + timedelta(minutes=first), now + timedelta(minutes=last)]
    return dict(zip(("from", "until"), (end.strftime("%H:%M") for end in ends), strict=True))


def launched(**fields) -> Mailing:
    mailing = make_mailing(**fields)
    assert launch(mailing.id)
    enlist_all(mailing)
    mailing.refresh_from_db()
    return mailing


def make_everybody(each: int = 2) -> None:
    """Create `each` clients in each Russian zone, interleaved."""
    for n in range(each):
        for place, (zone, _) in enumerate(RUSSIAN):
            make_client(f"7900000{n:02}{place:02}", timezone=zone)


def claimed_numbers(mailing: Mailing) -> set[str]:
    """Return the clients whose messages workers may send now."""
    numbers = set()
    while claim := claims.claim(mailing.provider, LEASE):
        numbers |= {message.phone_number for message in due_messages.load_queued(claim)[0]}
    return numbers


@pytest.mark.parametrize(("zone", "offset"), RUSSIAN)
def test_only_those_whose_hours_are_open_are_sent_to(zone, offset):
    make_everybody()
    mailing = launched(local_hours=hours_at(zone, -10, 10), ends_in=86_400 * 2)
    theirs = set(Client.objects.filter(timezone=zone).values_list("phone_number", flat=True))
    assert claimed_numbers(mailing) == theirs
    waiting = mailing.batches.filter(state="waiting")
    assert waiting.count() == len(RUSSIAN) - 1
    for batch in waiting:
        wall = batch.due_at.astimezone(ZoneInfo(batch.timezone)).strftime("%H:%M")
        assert wall == mailing.local_hours["from"]
        assert database_now() < batch.due_at < database_now() + timedelta(days=1)


def test_a_batch_is_of_one_time_zone_and_of_neighbouring_messages():
    make_everybody(each=3)
    mailing = launched(local_hours=hours_at("Europe/Moscow", -10, 10))
    batches = list(mailing.batches.order_by("number"))
    assert [batch.size for batch in batches] == [3] * len(RUSSIAN)
    assert {batch.number for batch in batches} == set(range(len(RUSSIAN)))
    for batch in batches:
        ids = range(batch.first_message_id, batch.last_message_id + 1)
        zones = mailing.messages.filter(id__in=ids).values_list("client__timezone", flat=True)
        assert list(zones) == [batch.timezone] * 3


def test_nobody_is_sent_to_by_the_hours_of_another_zone_than_their_own():
    make_client(timezone="Mars/Olympus")
    make_client("79030000000", timezone="Europe/Moscow")
    mailing = launched(local_hours=hours_at("Europe/Moscow", -30, 30), ends_in=86_400)
    assert claimed_numbers(mailing) == {"79030000000"}
    assert mailing.batches.get(timezone="Mars/Olympus").state == "waiting"
    claims.promote_due()
    assert claimed_numbers(mailing) == set()


def test_those_whose_hours_open_later_wait_and_are_sent_to_then():
    make_client(timezone="Asia/Omsk")
    mailing = launched(local_hours=hours_at("Asia/Omsk", 30, 60), ends_in=86_400)
    assert claims.claim(mailing.provider, LEASE) is None
    sql.run("UPDATE dispatch_batch SET due_at = clock_timestamp()")
    claims.promote_due()
    assert claimed_numbers(mailing) == {"79261234567"}


def test_those_whose_hours_do_not_open_before_the_end_expire_at_it():
    make_client()
    mailing = launched(local_hours=hours_at("Europe/Moscow", 120, 180), starts_in=-10)
    Mailing.objects.filter(id=mailing.id).update(ends_at=mailing.started_at)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert (mailing.state, counts(mailing)) == ("finished", {"expired": 1})


def test_a_message_says_that_its_hours_never_opened() -> None:
    make_client(timezone="Europe/Moscow")
    make_client("79030000000", timezone="Asia/Vladivostok")
    mailing = launched(local_hours=hours_at("Europe/Moscow", -30, 30), starts_in=-10)
    Mailing.objects.filter(id=mailing.id).update(ends_at=database_now())

    closing.close(mailing.id)

    reasons = dict(mailing.messages.values_list("phone_number", "error"))
    assert reasons.pop("79261234567") in (None, "")
    assert reasons == {"79030000000": closing.NEVER_OPEN}
    assert said(closing.NEVER_OPEN) == "the client’s hours did not open before the end"


def close_hours(mailing: Mailing) -> None:
    mailing.batches.update(open_until=database_now())


def test_nothing_is_claimed_once_the_hours_are_over_and_the_rest_waits_for_the_next_day():
    make_client()
    mailing = launched(local_hours=hours_at("Europe/Moscow", 60, 50))
    Mailing.objects.filter(id=mailing.id).update(local_hours=hours_at("Europe/Moscow", -60, -1))
    close_hours(mailing)
    assert claims.claim(mailing.provider, LEASE) is None
    local_hours.schedule_closed()
    batch = mailing.batches.get()
    assert batch.state == "waiting"
    assert timedelta(hours=22) < batch.due_at - database_now() < timedelta(hours=24)
    assert batch.open_until > batch.due_at


def test_no_flight_is_marked_once_the_hours_are_over():
    make_client()
    mailing = launched(local_hours=hours_at("Europe/Moscow", -10, 10))
    claim = claims.claim(mailing.provider, LEASE)
    close_hours(mailing)
    assert record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert mailing.batches.get().state == "ready"


def test_a_flight_has_until_the_hours_close():
    make_client()
    mailing = launched(local_hours=hours_at("Europe/Moscow", -10, 10), ends_in=86_400)
    claim = claims.claim(mailing.provider, LEASE)
    mark = record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE)
    closes: datetime = mailing.batches.get().open_until
    assert abs((closes - mark.marked_at).total_seconds() - mark.seconds_to_end) < 1
    assert 500 < mark.seconds_to_end < 601


def test_a_mailing_without_local_hours_waits_for_nobody():
    make_everybody(each=1)
    mailing = launched()
    assert mailing.batches.get().timezone is None
    assert len(claimed_numbers(mailing)) == len(RUSSIAN)

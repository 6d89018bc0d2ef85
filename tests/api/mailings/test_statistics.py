"""statistics/ and mailings/{id}/statistics/."""

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.api.caller import Caller
from tests.builders import from_now, make_mailing, make_running
from vestnik.dispatch.models import Batch, Message
from vestnik.mailings.models import CANCEL, PAUSE, Mailing
from vestnik.providers.registry import describe


def test_all_mailings_are_counted_by_state(api: Caller) -> None:
    running = make_running(3)
    cancelled = make_mailing()
    cancelled.apply(CANCEL, actor="test")

    body = api.get("statistics/").json()

    assert {state: count for state, count in body["mailings"].items() if count} == {
        "running": 1,
        "cancelled": 1,
    }
    assert body["messages"] == api.get(f"mailings/{running.id}/").json()["progress"]
    assert body["messages"]["matched"] == 3


def test_with_nothing_there_everything_is_nought(api: Caller) -> None:
    body = api.get("statistics/").json()

    assert set(body["mailings"].values()) | set(body["messages"].values()) == {0}


def test_one_mailing_is_shown_in_detail(api: Caller) -> None:
    mailing = make_running(4, text="я" * 71)
    _send(3)
    mailing.apply(PAUSE, actor="user:anna", reason="a typo")

    body = api.get(f"mailings/{mailing.id}/statistics/").json()

    assert (body["mailing"], body["state"], body["settled"]) == (mailing.id, "paused", 3)
    assert body["percentages"]["sent"] == 75.0
    assert sum(body["percentages"].values()) == 100.0
    assert body["segments"] == {"per_message": 2, "sent": 6}
    assert body["messages_per_second"] > 0
    assert body["events"][-1] | {"at": ""} == {
        "at": "",
        "actor": "user:anna",
        "event": "pause",
        "from_state": "running",
        "to_state": "paused",
        "reason": "a typo",
        "reason_details": {"code": "other", "params": {"text": "a typo"}},
    }


def test_seconds_and_rates_are_never_negative(api: Caller) -> None:
    """The database's clock was set back after the start, or between the start and the finish."""
    mailing = make_running(4)
    _send(3)
    Mailing.objects.update(started_at=from_now(40))

    running = api.get(f"mailings/{mailing.id}/statistics/").json()
    Mailing.objects.update(state="finished", finished_at=from_now(0))
    finished = api.get(f"mailings/{mailing.id}/statistics/").json()

    for body in (running, finished):
        assert (body["seconds_under_way"], body["messages_per_second"]) == (0.0, None)


def test_what_was_sent_has_its_price_in_answer_and_file(api: Caller, settings: Settings) -> None:
    mailing = make_running(4, text="я" * 71)
    _send(3)
    address = f"mailings/{mailing.id}/statistics/"
    assert api.get(address).json()["price"] is None
    options = {"price_per_segment": "2.50"}
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": options}}
    describe.cache_clear()

    shown, table, sheet = (
        api.get(f"{address}{end}") for end in ("", "export/", "export/?format=xlsx")
    )
    lines = b"".join(table.streaming_content).decode().splitlines()
    describe.cache_clear()

    assert shown.json()["price"] == "15.00"
    assert "price;15.00" in lines
    assert b"".join(sheet.streaming_content).startswith(b"PK")


def test_a_mailing_that_has_not_started_has_no_rate(api: Caller) -> None:
    mailing = make_mailing(starts_in=1000)

    body = api.get(f"mailings/{mailing.id}/statistics/").json()

    assert (body["seconds_under_way"], body["messages_per_second"]) == (None, None)
    assert set(body["percentages"].values()) == {0.0}


def test_the_rate_stands_still_at_the_end(api: Caller) -> None:
    mailing = make_running(1)
    Mailing.objects.update(
        starts_at="2026-01-01T00:00:00Z",
        started_at="2026-01-01T00:00:00Z",
        ends_at="2026-01-01T00:01:00Z",
    )

    body = api.get(f"mailings/{mailing.id}/statistics/").json()

    assert body["seconds_under_way"] == 60.0


def test_no_number_of_messages_makes_it_cost_more(
    api: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mailing = make_running(50)
    api.get("statistics/")

    with django_assert_num_queries(3):  # the key, the mailings, the batches
        assert api.get("statistics/").status_code == 200
    with django_assert_num_queries(5):  # the key, the mailing, its batches, the clock, its events
        assert api.get(f"mailings/{mailing.id}/statistics/").status_code == 200


@pytest.mark.parametrize("id", ["1", str(2**63)])
def test_a_mailing_that_is_not_there_is_404(api: Caller, id: str) -> None:
    assert api.get(f"mailings/{id}/statistics/").status_code == 404


def _send(count: int) -> None:
    ids = Message.objects.order_by("id").values_list("id", flat=True)[:count]
    Message.objects.filter(id__in=list(ids)).update(
        state="sent", sent_at="2026-01-01T00:00:00Z", attempts=1
    )
    batch = Batch.objects.get()
    batch.queued, batch.sent = batch.queued - count, count
    batch.save()

"""The card of a mailing's progress, in words."""

import re
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils import timezone, translation

from tests.builders import make_running
from vestnik.dashboard.live import shared_cache
from vestnik.dashboard.live.topics import MailingTopic
from vestnik.dashboard.mailings.detail.progress import announcement, progress_context, state_of
from vestnik.dashboard.templatetags.vestnik import mailing_badge
from vestnik.reports.mailing.snapshot import Snapshot, snapshot_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def going() -> Snapshot:
    """A mailing of a million, three hours before its end today."""
    found = snapshot_of(make_running(1).id)
    assert found
    counts = dict.fromkeys(found.progress, 0)
    counts |= {"matched": 1_000_000, "sent": 612_880, "queued": 387_120}
    now = timezone.localtime().replace(hour=18, minute=0, second=0, microsecond=0)
    return replace(found, progress=counts, rate=2140.0, now=now, ends_at=now + timedelta(hours=3))


def words(going: Snapshot, language: str = "en") -> str:
    with translation.override(language):
        html = render_to_string("dashboard/mailings/progress.html", progress_context(going))
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_in_time(going: Snapshot) -> None:
    said = words(going)

    assert said.startswith("612,880 of 1,000,000 · 61 %")
    assert "2,140 a second" in said
    assert "about 3 min 1 s left" in said
    assert "will finish by 21:00 with 2 h 56 min to spare" in said


def test_in_time_in_russian(going: Snapshot) -> None:
    said = words(going, "ru")

    assert said.startswith("612 880 из 1 000 000 · 61 %")
    assert "успеет до 21:00 с запасом 2 ч 56 мин" in said


def test_not_in_time(going: Snapshot) -> None:
    said = words(replace(going, rate=10.0))

    assert "will not finish by 21:00: about 280,000 will not be sent" in said


def test_another_day_is_named(going: Snapshot) -> None:
    ends_at = timezone.localtime().replace(hour=21, minute=0) + timedelta(days=2)

    assert re.search(r"will finish by \d+ \w{3}, 21:00", words(replace(going, ends_at=ends_at)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "paused", "rate": None}, "paused: nothing is sent until it is resumed"),
        ({"has_hours": True, "rate": 0.0}, "waits for the clients' hours"),
        (
            {"held": "the provider refuses the account (403)", "rate": 0.0},
            "held: the provider refuses the account (403)",
        ),
        ({"is_enlisted": False}, "the audience is still being read"),
        ({"state": "finished", "rate": None, "finished_at": timezone.now()}, "finished"),
        ({"state": "cancelled", "rate": None, "finished_at": timezone.now()}, "cancelled"),
    ],
)
def test_what_else_there_is_to_say(going: Snapshot, changes: dict[str, Any], said: str) -> None:
    shown = words(replace(going, **changes))

    assert said in shown
    assert "to spare" not in shown


def test_the_state_says_whether_there_are_messages_and_doubts(going: Snapshot) -> None:
    assert state_of(going) == "running"
    assert state_of(replace(going, progress={**going.progress, "matched": 0})) == "running-empty"
    assert state_of(replace(going, progress={**going.progress, "unknown": 1})) == "running-in-doubt"


def test_tens_of_per_cent_are_read_out(going: Snapshot) -> None:
    with translation.override("en"):
        assert announcement(going) == "running, 60\u00a0% done"
        assert announcement(replace(going, state="finished")) == "finished"


def test_what_was_looked_at_survives_the_way_through_redis() -> None:
    topic = MailingTopic(make_running(3).id)
    first = shared_cache.fetch_shared(topic.name, 60, topic.fetch)
    again = shared_cache.fetch_shared(topic.name, 60, lambda: pytest.fail("looked twice"))

    assert topic.render(first) == topic.render(again)


def test_a_look_that_takes_long_hides_nothing_newer() -> None:
    later = partial(shared_cache.fetch_shared, "slow", 0.3, lambda: {"n": 2})

    def slow() -> Any:
        time.sleep(0.35)  # its turn runs out
        assert later() == {"n": 2}
        return {"n": 1}

    assert shared_cache.fetch_shared("slow", 0.3, slow) == {"n": 1}
    assert later() == {"n": 2}


def test_without_redis_each_process_looks_for_itself(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert shared_cache.fetch_shared("x", 1.0, lambda: {"n": 1}) == {"n": 1}


def test_a_look_is_one_query(django_assert_num_queries: Any) -> None:
    topic = MailingTopic(make_running(3).id)

    with django_assert_num_queries(1):
        topic.fetch()


EXPIRED = {"matched": 6117, "delivered": 238, "expired": 5879}


@pytest.mark.parametrize(
    ("counts", "headline", "badge"),
    [
        (EXPIRED, "238 of 6,117 · 4 % · delivered 238 , not sent 5,879", "most were not reached"),
        ({"matched": 10, "sent": 10}, "10 of 10 · 100 % · sent 10", "finished"),
        ({"matched": 10, "sent": 8, "expired": 2}, "8 of 10 · 80 %", "not all were reached"),
        ({"matched": 10, "undelivered": 10}, "0 of 10 · 0 % · not delivered 10", "most were not"),
        ({"matched": 10, "cancelled": 10}, "0 of 10 · 0 % · not sent 10", "most were not reached"),
        ({"matched": 9, "sent": 4, "unknown": 5}, "4 of 9 · 44 %", "most were not reached"),
        ({"matched": 9, "sent": 8, "suppressed": 1}, "8 of 9 · 89 %", "finished"),
        ({"matched": 9, "suppressed": 9}, "0 of 9 · 0 % · not sent 9", "most were not reached"),
        ({"matched": 0}, "0 of 0", "no recipients"),
    ],
)
def test_the_headline_is_what_reached_people(
    going: Snapshot, counts: dict[str, int], headline: str, badge: str
) -> None:
    progress = dict.fromkeys(going.progress, 0) | counts
    over = replace(going, state="finished", rate=None, progress=progress)

    assert words(over).startswith(headline)
    with translation.override("en"):
        shown = mailing_badge("finished", progress)
    assert badge in shown
    assert ("is-finished" in shown) is (badge == "finished")

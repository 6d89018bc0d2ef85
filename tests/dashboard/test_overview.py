"""The overview: what wants a decision first, then what runs, what is next, and the last day."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.template.loader import render_to_string
from django.utils import timezone, translation

from tests.builders import make_client, make_clients, make_mailing, make_running
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.visiting import make_user, visitor
from tests.reports.sampled import sample, started
from vestnik.dashboard.live.shared_cache import KEY_PREFIX
from vestnik.dashboard.live.topics import OverviewTopic
from vestnik.dashboard.overview import fetch, render_context
from vestnik.dispatch.models import Breaker
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.runtime.tasks import look_at
from vestnik.mailings.models import MISS, PAUSE, Mailing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget() -> None:
    cache.clear()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for name in ("hours", "next-for-nobody"):
            client.delete(f"{KEY_PREFIX}:{name}", f"{KEY_PREFIX}:{name}:turn")


def overview(role: str = "operator", **headers: str) -> str:
    answer = visitor(make_user(f"u-{role}", role), **headers).get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def hours(page: str) -> Any:
    return json.loads(re.findall(r'id="hours-data"[^>]*>(.*?)</script>', page, re.S)[0])


def test_a_new_system_says_how_to_begin() -> None:
    page = overview()

    assert "Start with your clients" in page
    assert 'is-primary" href="/clients/import/"' in page
    assert "data-live" not in page


def test_with_clients_a_mailing_is_next() -> None:
    make_client()

    assert "Ready for the first mailing" in overview()


def test_a_viewer_is_told_who_makes_mailings() -> None:
    page = overview("viewer")

    assert "operators and admins create mailings" in page
    assert "/mailings/new/" not in page


def test_decisions_come_first_each_with_its_action() -> None:
    mailing_with_unknown = make_mailing_with_unknown(name="Sale")
    paused = make_mailing(name="Survey", provider="console")
    Mailing.objects.filter(id=paused.id).update(state="running", started_at=timezone.now())
    paused.refresh_from_db()
    paused.move(PAUSE, reason="23 % of 200 messages were refused; the last: code 8")
    missed = make_mailing(name="Late", starts_in=-20, ends_in=-10)
    missed.move(MISS, reason="too late")
    Breaker.objects.create(alias="console", state="open", reason="no answer in time")

    page = overview()

    assert f'href="/mailings/{mailing_with_unknown.id}/#unknown"' in page
    assert f'href="/mailings/{paused.id}/"' in page
    assert f'href="/mailings/{missed.id}/copy/"' in page
    said = words(page)
    assert "1 message of “Sale” was handed over and never answered" in said
    assert "“Survey” is paused" in said
    assert "Messages through console wait" in said
    assert "4 decisions wait" in said
    assert said.index("Needs a decision") < said.index("Running now")


def test_what_runs_has_its_bar_its_share_and_its_forecast() -> None:
    mailing = make_running(4, name="Weekend", ends_in=3600)
    started(mailing, ago=60)
    sample(mailing, ago=30, queued=4)

    page = overview()

    assert f'href="/mailings/{mailing.id}/"' in page
    assert 'aria-label="Weekend: queued 100 %"' in page
    assert 'data-live="/live/overview/?since=' in page


@pytest.mark.parametrize(("handed_over", "rate"), [(0, "0"), (4, "0.4"), (30, "3"), (301, "30")])
def test_a_slow_mailing_does_not_read_as_one_that_stands_still(handed_over: int, rate: str) -> None:
    """As on the mailing's own page, which says "0.4 a second"."""
    make_running(1)
    seen = fetch()
    seen["running"] = [{**one, "rate": handed_over / 10} for one in seen["running"]]

    shown = words(render_to_string("dashboard/overview/now.html", render_context(seen)))

    assert f"Now {rate} a second" in shown
    assert ("nothing is being sent now" in shown) == (not handed_over)


def test_what_is_next_is_by_its_time_and_no_test() -> None:
    for hours, name in ((5, "Second"), (2, "First"), (9, "Third")):
        make_mailing(starts_in=hours * 3600, ends_in=hours * 7200, name=name)
    make_mailing(starts_in=3600, ends_in=7200, name="Trial", is_test=True)

    said = words(overview())

    assert said.index("First") < said.index("Second") < said.index("Third")
    assert "Trial" not in said


def test_the_last_day_is_a_chart_and_the_same_as_a_table() -> None:
    mailing = make_running(1)
    started(mailing, ago=7200)
    sample(mailing, ago=5400, delivered=70, failed=3)
    sample(mailing, ago=10, delivered=1170, failed=3)

    page = overview()

    data = hours(page)
    assert len(data["times"]) == 24
    totals = {one["colour"]: sum(one["values"]) for one in data["series"]}
    assert totals == {"delivered": 1170, "failed": 3}
    assert "1,100" in words(page)
    assert "The same as a table" in page


def test_the_page_and_its_stream_show_the_same_hours() -> None:
    mailing = make_running(1)
    started(mailing, ago=7200)
    sample(mailing, ago=5400, delivered=70)
    OverviewTopic().fetch()
    sample(mailing, ago=10, delivered=1170)

    assert hours(overview()) == hours(OverviewTopic().render(OverviewTopic().fetch()).html)


def test_tiles_say_what_was_sent_today_and_what_it_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vestnik.reports.timeline.daily_totals.price_of", lambda alias, n: Decimal("1.50") * n
    )
    mailing = make_running(2)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    Mailing.objects.update(started_at=midnight - timedelta(hours=3))
    ago = (timezone.now() - midnight).total_seconds()
    sample(mailing, ago=ago + 60, sent=1000, delivered=1000)
    sample(mailing, ago=1, sent=1200, delivered=1600)

    said = words(overview())

    assert "Sent today 800 receipts came today: 600 delivered" in said
    assert "1,200" in said  # roubles: 800 segments at 1.50
    assert "segments a message on average: 1" in said


@pytest.mark.parametrize(
    ("zone", "named"),
    [
        ("", None),
        ("Europe/Moscow", None),
        ("Europe/Minsk", None),  # the same time
        ("Asia/Vladivostok", "since midnight: Moscow, UTC+3"),
        ("America/New_York", "since midnight: Moscow, UTC+3"),
    ],
)
def test_the_day_of_the_service_is_named_to_readers_of_another_zone(
    zone: str, named: str | None
) -> None:
    make_running(1)
    opened = visitor(make_user("anna", timezone=zone))

    said = words(opened.get("/").content.decode())

    assert ("since midnight" in said) is bool(named)
    assert said.count(named or "Sent today") == 1


def test_a_hostile_name_does_nothing() -> None:
    make_running(1, name="<script>alert(1)</script>")

    page = overview()

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_in_russian_numbers_and_words_are_right() -> None:
    mailing = make_running(1, name="Скидка")
    started(mailing, ago=60)
    sample(mailing, ago=10, sent=1_234_567)

    page = overview(**{"accept-language": "ru"})

    assert "Отправлено сегодня" in page
    assert "1\u202f234\u202f567" in page


def test_with_much_going_on_it_takes_no_more_queries(django_assert_max_num_queries: Any) -> None:
    for n in range(5):
        Mailing.objects.create(
            text="x",
            filter={},
            starts_at=timezone.now(),
            provider="console",
            segments=1,
            ends_at=timezone.now() + timedelta(hours=1),
            state="running",
            started_at=timezone.now(),
            name=f"No {n}",
        )
    make_mailing_with_unknown()
    browser = visitor(make_user())

    with django_assert_max_num_queries(13):
        assert browser.get("/").status_code == 200


def test_a_mailing_that_matches_nobody_is_told_of_before_and_after() -> None:
    browser = visitor(make_user())
    make_clients(1)
    nobody = {"tags": ["nobody has it"]}
    waits = make_mailing(starts_in=600, name="Soon", filter=nobody)
    make_mailing(starts_in=700, name="Right")
    done = make_mailing(name="Empty", filter=nobody)
    assert launch(done.id)
    look_at(done.id)

    page = " ".join(browser.get("/").content.decode().split())

    assert page.count("no clients match now") == 1
    assert "“Empty” finished without a message: no client matched its conditions" in page
    assert "1 decision waits" in page
    assert "No client matches its conditions" in browser.get(f"/mailings/{waits.id}/").text
    assert "finished, no recipients" in browser.get(f"/mailings/{done.id}/").text
    assert "finished, no recipients" in browser.get("/mailings/").text


def test_the_badge_is_of_the_same_look_as_the_list() -> None:
    browser = visitor(make_user())
    make_clients(1)
    browser.get("/")  # and the badge's own count is kept for a while
    mailing = make_mailing(filter={"tags": ["nobody has it"]})
    assert launch(mailing.id)
    look_at(mailing.id)
    found = fetch()
    with translation.override("en"):
        shown = OverviewTopic().render(found)
    assert "1 decision waits" in shown.badge
    assert "1 decision waits" in browser.get("/").content.decode()

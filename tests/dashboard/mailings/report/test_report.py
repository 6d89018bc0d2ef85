"""The report: a page, and a file that needs nothing else and tells no number."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone

from tests.builders import make_mailing, make_running
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.visiting import make_user, visitor
from tests.reports.sampled import sample, started
from vestnik.dashboard.mailings.report.charts import LineChart, Series, charts_of
from vestnik.dashboard.mailings.report.svg_chart import LEFT, RIGHT, WIDTH, draw
from vestnik.dispatch.read.message_state import STATES
from vestnik.mailings.models import Mailing
from vestnik.reports.models import Sample

pytestmark = pytest.mark.django_db
EVIL = '<script>alert(1)</script>" onload="x'


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user(role="viewer"), **{"accept-language": "ru"})


def make_sampled(**fields: Any) -> Mailing:
    """A mailing with unknown messages and a chart of a minute: one a second, half delivered."""
    mailing = make_mailing_with_unknown(**fields)
    assert mailing.started_at is not None
    started = mailing.started_at - timedelta(minutes=1)
    Mailing.objects.filter(id=mailing.id).update(started_at=started)
    counts = dict.fromkeys((*set(STATES) - {"sent", "delivered"},), 0)
    for second in range(1, 61):
        done = {"sent": second - second // 2, "delivered": second // 2}
        at = started + timedelta(seconds=second)
        Sample.objects.create(mailing=mailing, at=at, matched=60, **done, **counts)
    mailing.refresh_from_db()
    return mailing


class Seen(HTMLParser):
    """The tags of a document, and whatever in them could ask for something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.asks: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.asks += [f"{n}={v}" for n, v in attrs if n in ("src", "href", "action", "srcset")]
        self.handlers += [name for name, _ in attrs if name.startswith(("on", "hx-"))]


def file_of(browser: Browser, mailing: Mailing) -> str:
    answer = browser.get(f"/mailings/{mailing.id}/report.html")
    assert answer.status_code == 200
    assert f"mailing-{mailing.id}-report.html" in answer["Content-Disposition"]
    return answer.content.decode()


def test_the_page_is_there_for_every_role_and_costs_little(
    browser: Browser, django_assert_max_num_queries: Any
) -> None:
    mailing = make_sampled()
    with django_assert_max_num_queries(12):
        answer = browser.get(f"/mailings/{mailing.id}/report/")
    page = answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert page.count("<polyline") == 3
    assert "в сумме" in page
    assert "✓" in page
    with django_assert_max_num_queries(12):
        assert browser.get(f"/mailings/{mailing.id}/report/").status_code == 200


def test_the_curves_are_told_to_those_who_cannot_see_them(browser: Browser) -> None:
    mailing = make_sampled()
    report = browser.get(f"/mailings/{mailing.id}/report/").content.decode()
    page = browser.get(f"/mailings/{mailing.id}/").content.decode()
    for said in (
        "Максимум 1 в секунду, в среднем 1, в конце 1.",
        "Всего отправлено 60, доставлено 30.",
    ):
        assert f'aria-label="{said}"' in report
        assert page.count(f'aria-label="{said}"') == 1


def test_the_file_asks_for_nothing_and_runs_nothing(browser: Browser) -> None:
    mailing = make_sampled(name=EVIL, text=f"Hi {EVIL}")
    document = file_of(browser, mailing)
    seen = Seen()
    seen.feed(document)
    assert not seen.tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert (seen.asks, seen.handlers) == ([], [])
    assert "url(" not in document
    assert "@import" not in document
    assert "&lt;script&gt;alert(1)" in document
    assert "default-src &#x27;none&#x27;" in document


def test_the_file_tells_no_number_and_holds_no_session(browser: Browser) -> None:
    mailing = make_sampled()
    document = file_of(browser, mailing)
    for number in mailing.messages.values_list("phone_number", flat=True):
        assert number not in re.sub(r"\D", "", document)
    assert "csrf" not in document
    assert "anna" not in document


def test_the_file_has_all_that_is_to_be_told(browser: Browser) -> None:
    document = file_of(browser, make_sampled())
    for word in ("доставлено", "Отправлено в секунду", "По префиксу", "Настройка", "История"):
        assert word in document
    assert 'lang="ru"' in document
    assert document.count("<polyline") == 3


@pytest.mark.parametrize("address", ["report/", "report.html"])
def test_a_mailing_that_has_not_started_has_one_too(browser: Browser, address: str) -> None:
    mailing = make_mailing(starts_in=60)
    assert browser.get(f"/mailings/{mailing.id}/{address}").status_code == 200
    assert browser.get(f"/mailings/{mailing.id + 1}/{address}").status_code == 404


def test_the_rate_is_what_grew_between_two_samples() -> None:
    rate, growth = charts_of(make_sampled())
    assert rate.lines[0].values == [pytest.approx(1.0)] * 120
    assert len(rate.times) == 120
    assert [line.values[-1] for line in growth.lines] == [60, 30]
    assert [line.dashed for line in growth.lines] == [False, True]


def test_what_no_longer_changes_is_not_drawn() -> None:
    mailing = make_sampled()
    last = Sample.objects.filter(mailing=mailing).latest("at")
    for hour in range(1, 4):
        Sample.objects.create(
            **{
                field.name: getattr(last, field.name)
                for field in Sample._meta.fields
                if field.name not in ("id", "at")
            },
            at=last.at + timedelta(hours=hour),
        )
    _rate, growth = charts_of(mailing)
    assert growth.times[-1] == last.at


def test_a_chart_stays_within_its_paper() -> None:
    charts = charts_of(make_sampled())
    assert len(charts) == 2
    for line_chart in charts:
        chart = draw(line_chart)
        assert chart.lines
        for _line, points in chart.lines:
            assert points.split()
            for point in points.split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= chart.width
                assert 0 <= y <= chart.height
        assert 2 <= len(chart.times) <= 6


@pytest.mark.parametrize("samples", [10, 400])
def test_an_outage_is_drawn_as_one_and_not_as_a_decline(samples: int) -> None:
    mailing = make_running(1)
    started(mailing, 4000)
    for n in range(samples):
        sample(mailing, 4000 - n, sent=10 * n)
    sample(mailing, 100, sent=10 * (samples - 1))  # nothing for half an hour and more
    sample(mailing, 99, sent=10 * samples)
    rate, _growth = charts_of(mailing)
    still = [
        (time - rate.times[0]).total_seconds()
        for time, value in zip(rate.times, rate.lines[0].values, strict=True)
        if value == 0 and time > rate.times[1]
    ]
    assert still[0] == pytest.approx(samples - 1, abs=8)
    assert still[-1] == pytest.approx(3900, abs=2)


@pytest.mark.parametrize("days", [0.01, 1, 6, 7, 30, 400, 3000])
def test_every_span_has_its_labels_and_each_once(days: float) -> None:
    start = timezone.now()
    times = [start, start + timedelta(days=days)]
    chart = draw(LineChart("x", "x", times, [Series("x", "", [0, 1])]))
    labels = [mark.label for mark in chart.times]
    assert 2 <= len(labels) == len(set(labels))
    assert float(chart.times[-1].at) > chart.width / 2


def test_a_part_of_a_second_has_its_start_as_a_label() -> None:
    start = datetime(2026, 10, 24, 22, 0, 1, 100_000, tzinfo=UTC)
    times = [start, start + timedelta(seconds=0.5)]
    chart = draw(LineChart("x", "x", times, [Series("x", "", [0, 1])]))
    assert [mark.label for mark in chart.times] == [f"{timezone.localtime(start):%H:%M:%S}"]


def test_a_label_stands_at_its_hour_also_after_a_change_of_the_clocks() -> None:
    """In Berlin the night has an hour more; all that came after it stood an hour off."""
    with timezone.override("Europe/Berlin"):
        start = datetime(2026, 10, 24, 22, tzinfo=UTC)  # midnight there
        times = [start, start + timedelta(hours=11)]
        chart = draw(LineChart("x", "x", times, [Series("x", "", [0, 1])]))

        for mark in chart.times:
            hours = (float(mark.at) - LEFT) / (WIDTH - LEFT - RIGHT) * 11
            there = timezone.localtime(start + timedelta(hours=hours, seconds=30))
            assert there.strftime("%H:%M") == mark.label
        assert [mark.label for mark in chart.times][-1] >= "09:00"

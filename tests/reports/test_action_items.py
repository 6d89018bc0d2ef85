"""What wants a decision."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from tests.builders import make_mailing, make_running
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from vestnik.dispatch.models import Breaker
from vestnik.mailings.models import MISS, PAUSE, Mailing
from vestnik.reports.action_items import action_items, count_action_items

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_badge() -> None:
    cache.delete("decisions")


def kinds() -> list[str]:
    return sorted(one.kind for one in action_items())


def missed() -> Mailing:
    mailing = make_mailing(starts_in=-20, ends_in=-10)
    assert mailing.move(MISS, reason="too late")
    return mailing


def test_where_all_is_well_there_is_none(django_assert_num_queries: Any) -> None:
    make_running(2)
    make_mailing(starts_in=60)

    with django_assert_num_queries(1):
        assert action_items() == []


def test_unknown_messages() -> None:
    mailing = make_mailing_with_unknown(name="Sale")

    (found,) = action_items()

    assert (found.kind, found.mailing, found.name, found.count) == (
        "unknown",
        mailing.id,
        "Sale",
        1,
    )


def test_unknown_messages_of_a_test_are_nobodys_worry() -> None:
    make_mailing_with_unknown()
    Mailing.objects.update(is_test=True)

    assert action_items() == []


def test_what_settles_itself_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    mailing = make_mailing_with_unknown(provider="console")
    can_be_asked = SimpleNamespace(can_query=True, in_doubt="hold")
    monkeypatch.setattr("vestnik.reports.action_items.describe", lambda alias: can_be_asked)
    assert action_items() == []

    long_ago = timezone.now() - timedelta(days=4)
    Mailing.objects.filter(id=mailing.id).update(
        started_at=long_ago,
        starts_at=long_ago,
        ends_at=long_ago + timedelta(days=1),
        finished_at=long_ago,
    )
    assert kinds() == ["unknown"]


def test_a_mailing_that_paused_itself_and_none_that_somebody_paused() -> None:
    by_itself, by_somebody = make_running(1), make_mailing()
    by_itself.move(PAUSE, reason="23 % of 200 messages were refused")
    by_somebody.move(PAUSE, actor="user:anna")

    (found,) = action_items()

    assert (found.mailing, found.reason) == (by_itself.id, "23 % of 200 messages were refused")


def test_a_missed_one_for_three_days() -> None:
    missed()
    assert kinds() == ["missed"]

    Mailing.objects.update(finished_at=timezone.now() - timedelta(days=4))
    assert kinds() == []


def test_a_breaker_that_is_open() -> None:
    Breaker.objects.create(alias="console", state="open", reason="no answer in time")
    Breaker.objects.create(alias="gone", state="open")

    (found,) = action_items()

    assert (found.kind, found.provider, found.reason) == ("breaker", "console", "no answer in time")


def test_the_badge_is_counted_every_few_seconds(django_assert_num_queries: Any) -> None:
    missed()
    with django_assert_num_queries(1):
        assert count_action_items() == 1
    with django_assert_num_queries(0):
        assert count_action_items() == 1

"""A follow-up goes to clients whom a mailing did not reach; the pages name earlier follow-ups."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client as Browser

from tests.builders import enlist_all, from_now, make_running
from tests.dashboard.mailings.writing import browser, local
from tests.dispatch.sent import record
from vestnik.dispatch.prepare.follow_up import create_follow_up
from vestnik.dispatch.prepare.launch import launch
from vestnik.mailings.models import FINISH, Mailing

pytestmark = pytest.mark.django_db

WARNING = "Later mailings to the same clients:"


def make_finished() -> Mailing:
    mailing = make_running(2, text="Hello")
    record(mailing, ["failed", "failed"])
    assert mailing.move(FINISH)
    return mailing


def posted(opened: Browser, mailing: Mailing, fields: dict[str, Any]) -> str:
    answer = opened.post(f"/mailings/{mailing.id}/again/", fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def asked(opened: Browser, mailing: Mailing) -> tuple[dict[str, Any], str]:
    """The confirmation of one page: what it sends, and its text."""
    form = {
        "token": str(uuid.uuid4()),
        "states": ["failed"],
        "text": "Hello",
        "starts": "now",
        "starts_at": "",
        "ends_at": local(7200),
        "provider": "console",
    }
    page = posted(opened, mailing, {**form, "do": "send"})
    return confirmed(form, page), page


def confirmed(form: dict[str, Any], page: str) -> dict[str, Any]:
    hidden = dict(re.findall(r'name="(agreed|followed)" value="([^"]*)"', page))
    return {**form, **hidden, "do": "send"}


def test_it_is_sent_once_though_two_tabs_have_asked() -> None:
    mailing, opened = make_finished(), browser()
    first, page = asked(opened, mailing)
    second, _ = asked(opened, mailing)
    assert WARNING not in page

    posted(opened, mailing, first)
    page = posted(opened, mailing, second)

    assert WARNING in page
    assert Mailing.objects.exclude(id=mailing.id).count() == 1
    posted(opened, mailing, confirmed(second, page))
    assert Mailing.objects.exclude(id=mailing.id).count() == 2


def test_the_same_answer_again_makes_no_other_one() -> None:
    mailing, opened = make_finished(), browser()
    form, _ = asked(opened, mailing)

    posted(opened, mailing, form)
    page = posted(opened, mailing, form)

    assert WARNING not in page
    assert Mailing.objects.exclude(id=mailing.id).count() == 1


def test_the_page_names_the_earlier_one() -> None:
    mailing, opened = make_finished(), browser()
    form, _ = asked(opened, mailing)
    posted(opened, mailing, form)
    earlier = Mailing.objects.exclude(id=mailing.id).get()

    page = opened.get(f"/mailings/{mailing.id}/again/").content.decode()

    assert WARNING in page
    assert f'<a href="/mailings/{earlier.id}/">№ {earlier.id}</a>.' in page


FAILED = ["failed", "failed"]


def followed_up(mailing: Mailing) -> Mailing:
    """A follow-up that has reached nobody either."""
    window = {"starts_at": from_now(-1), "ends_at": from_now(60)}
    new = create_follow_up(mailing, ["failed"], actor="test", **window)
    assert launch(new.id)
    enlist_all(new)
    record(new, FAILED)
    assert new.move(FINISH)
    return new


def test_others_that_may_have_reached_the_same_clients_are_named() -> None:
    """Follow-ups of follow-ups, and a later one of the mailing that this one follows."""
    first, opened = make_finished(), browser()
    second = followed_up(first)
    third = followed_up(second)
    fourth = followed_up(first)
    expected = {first: [second, third, fourth], second: [third, fourth], third: [fourth]}

    for mailing in (first, second, third, fourth):
        page = opened.get(f"/mailings/{mailing.id}/again/").content.decode()
        notice = page[page.find(WARNING) :].partition("</p>")[0] if WARNING in page else ""
        ids = [int(id) for id in re.findall(r"№ (\d+)", notice)]
        assert ids == [one.id for one in expected.get(mailing, [])]


def test_one_of_another_page_is_noticed_before_it_is_sent() -> None:
    first, opened = make_finished(), browser()
    second = followed_up(first)
    form, _ = asked(opened, second)
    followed_up(first)

    page = posted(opened, second, form)

    assert WARNING in page
    assert Mailing.objects.count() == 3

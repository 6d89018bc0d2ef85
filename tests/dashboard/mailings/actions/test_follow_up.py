"""A follow-up goes to clients whom a mailing did not reach; the pages name earlier follow-ups."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client as Browser

from tests.builders import make_running
from tests.dashboard.mailings.writing import browser, local
from tests.dispatch.sent import record
from vestnik.mailings.models import FINISH, Mailing

pytestmark = pytest.mark.django_db

WARNING = "This mailing was sent again before:"


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

"""Changing a mailing under way, and sending again to those whom one did not reach."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from tests.builders import (
    end,
    from_now,
    make_client,
    make_mailing,
    make_running,
)
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.mailings.writing import question
from tests.dashboard.visiting import make_user, visitor
from tests.dispatch.dispatching import provider
from tests.dispatch.sent import record
from vestnik.audience.models import Client
from vestnik.audience.stop_list import Source, put
from vestnik.dashboard.web.form_idempotency import new_token
from vestnik.dispatch.prepare.test_send import send_test
from vestnik.dispatch.reconcile.closing import close
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user())


def local(minutes: float) -> str:
    moment = timezone.localtime() + timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M")


def change(browser: Browser, mailing: Mailing, **fields: Any) -> str:
    rate = "limit" if fields.get("rate_limit") else "provider"
    given = {"name": mailing.name, "ends_at": local(120), "rate": rate, "rate_limit": "", **fields}
    answer = browser.post(f"/mailings/{mailing.id}/change/", given, follow=True)
    mailing.refresh_from_db()
    assert answer.status_code == 200
    return answer.content.decode()


def test_name_rate_and_end_of_a_running_one_change(browser: Browser) -> None:
    mailing = make_running(1)
    page = change(browser, mailing, name="Other", rate_limit="50")
    assert "The changes are saved." in page
    assert (mailing.name, mailing.rate_limit) == ("Other", 50)
    event = mailing.events.order_by("-id")[0]
    assert (event.event, event.reason) == ("change", "ends_at, name, rate_limit")


def test_what_is_not_touched_keeps_its_seconds(browser: Browser) -> None:
    mailing = make_running(1)
    before = mailing.ends_at
    minute = timezone.localtime(before).strftime("%Y-%m-%dT%H:%M")
    change(browser, mailing, name="Other", ends_at=minute)
    assert mailing.ends_at == before


def test_an_end_that_is_not_touched_stays_though_another_tab_has_changed_the_zone() -> None:
    mailing = make_running(1)
    before = mailing.ends_at
    browser = visitor(make_user("anna", timezone="Asia/Vladivostok"))
    of_old_page = {"HX-Request": "true", "X-Page-Zone": "Europe/Moscow"}
    part = browser.get(f"/mailings/{mailing.id}/change/", headers=of_old_page).content.decode()
    shown = re.findall(r'<input[^>]* name="(ends_at|page_zone|shown)"[^>]* value="([^"]*)"', part)
    fields = {name: html.unescape(value) for name, value in shown}

    assert fields["page_zone"] == "Europe/Moscow"
    assert "The changes are saved." in change(browser, mailing, **fields, rate_limit="5")
    assert (mailing.rate_limit, mailing.ends_at) == (5, before)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rate_limit": "0"}, "greater than or equal to 1"),
        ({"rate_limit": "x"}, "whole number"),
        ({"rate_limit": "5-"}, "whole number"),
        ({"rate_limit": "2e"}, "whole number"),
        ({"rate": "limit"}, "Enter the maximum per second"),
        ({"rate": "provider", "rate_limit": "5"}, "A rate is entered"),
        ({"rate": ""}, "This field is required"),
        ({"ends_at": "soon"}, "valid date"),
        ({"ends_at": ""}, "required"),
        ({"ends_at": local(-600)}, "Choose an end"),
        ({"name": "x" * 201}, "at most 200"),
        ({"name": "\x00"}, "Null characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    browser: Browser, fields: dict[str, str], said: str
) -> None:
    mailing = make_running(1)
    before = mailing.ends_at
    assert said in change(browser, mailing, **fields)
    assert mailing.ends_at == before


def test_what_has_ended_does_not_change(browser: Browser) -> None:
    mailing = make_running(1)
    mailing.move(CANCEL)
    assert "Nothing was changed: the mailing is “cancelled” now." in change(browser, mailing)


def marks_on(browser: Browser, address: str) -> str:
    """What the page carries of what it shows."""
    marks = browser.get(address).content.decode().split('name="shown" value="')[1].split('"')[0]
    return html.unescape(marks)


def test_what_another_has_changed_meanwhile_stays(browser: Browser) -> None:
    mailing = make_running(1)
    shown = marks_on(browser, f"/mailings/{mailing.id}/change/")
    minute = timezone.localtime(mailing.ends_at).strftime("%Y-%m-%dT%H:%M")
    mailing.change({"name": "Theirs", "ends_at": from_now(7000)}, actor="another")
    theirs = mailing.ends_at

    change(browser, mailing, shown=shown, name="Test", ends_at=minute, rate_limit="5")

    assert (mailing.name, mailing.ends_at, mailing.rate_limit) == ("Theirs", theirs, 5)


def test_a_change_that_meets_a_pause_is_not_lost(browser: Browser, monkeypatch: Any) -> None:
    mailing = make_running(1)
    before = Mailing.change

    def paused_first(self: Mailing, changes: Any, *, actor: str) -> None:
        Mailing.objects.get(id=self.id).move(PAUSE)
        before(self, changes, actor=actor)

    monkeypatch.setattr(Mailing, "change", paused_first)
    page = change(browser, mailing, name="Mine")

    assert "Nothing was changed: the mailing is “paused” now." in page
    assert 'value="Mine"' in page


def test_one_that_has_not_started_has_a_form_of_its_own(browser: Browser) -> None:
    mailing = make_mailing(starts_in=60)
    answer = browser.get(f"/mailings/{mailing.id}/change/")
    assert answer["Location"] == f"/mailings/{mailing.id}/edit/"


def test_a_change_that_loses_to_the_end_is_told(browser: Browser) -> None:
    mailing = make_running(1)
    end(mailing)
    assert "nothing can be sent any more" in change(browser, mailing, name="Other")
    assert mailing.name == "Test"


def again(browser: Browser, mailing: Mailing, **fields: Any) -> Any:
    given = {"states": ["failed", "unknown"], "starts": "now", "ends_at": local(60)}
    given |= {"provider": "console", "text": mailing.text, **fields}
    address = f"/mailings/{mailing.id}/again/"
    answer = browser.post(address, given, follow=True)
    if 'id="confirmation"' not in answer.content.decode():
        return answer
    assert (
        not Mailing.objects.filter(filter__again__mailing=mailing.id).exists() or "token" in fields
    )
    return browser.post(address, question(answer) | {"do": "send"}, follow=True)


def test_those_who_were_not_reached_get_a_new_mailing(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    page = browser.get(f"/mailings/{mailing.id}/again/").content.decode()
    assert 'value="failed" data-count="1" checked' in page
    assert 'value="unknown" data-count="1">' in page  # they may have got it

    answer = again(browser, mailing)

    new = Mailing.objects.latest("id")
    assert new.filter == {"again": {"mailing": mailing.id, "states": ["failed", "unknown"]}}
    assert f"A new mailing goes to 2 clients of № {mailing.id}." in answer.content.decode()
    assert answer.request["PATH_INFO"] == f"/mailings/{new.id}/"


def test_a_typo_is_corrected_for_those_whom_the_cancel_came_before(browser: Browser) -> None:
    mailing = make_running(3, text="Teh sale", provider="console")
    mailing.apply(CANCEL, actor="test")
    close(mailing.id)
    page = browser.get(f"/mailings/{mailing.id}/again/").content.decode()
    assert 'value="cancelled" data-count="3">' in page  # as over the API: taken back on purpose
    assert "select them to send them anyway" in page

    answer = again(browser, mailing, states=["cancelled"], text="The sale")

    new = Mailing.objects.latest("id")
    assert (new.text, new.filter["again"]["states"]) == ("The sale", ["cancelled"])
    assert "A new mailing goes to 3 clients" in answer.content.decode()


def test_count_and_price_are_told_before_it_is_sent(browser: Browser, settings: Any) -> None:
    mailing = make_mailing_with_unknown(text="я" * 70)
    before = Mailing.objects.count()

    with provider(settings, "console", "console", price_per_segment="2.50"):
        looked = again(browser, mailing, text="я" * 71, do="look").content.decode()

    assert "<strong>2 messages</strong>" in looked
    assert "4 segments in all" in looked
    assert "10.00" in looked
    assert Mailing.objects.count() == before


def test_a_form_that_is_sent_twice_makes_one_mailing(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    page = browser.get(f"/mailings/{mailing.id}/again/").content.decode()
    token = page.split('name="token" value="')[1].split('"')[0]
    before = Mailing.objects.count()
    ends_at = local(60)
    for _ in range(2):
        again(browser, mailing, token=token, ends_at=ends_at)
    assert Mailing.objects.count() == before + 1


def test_another_form_of_the_same_page_asks_first(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    token = new_token()
    again(browser, mailing, token=token)
    before = Mailing.objects.count()

    page = again(browser, mailing, token=token, states=["failed"]).content.decode()

    assert "created mailing № " in page
    assert token not in page
    assert Mailing.objects.count() == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"states": []}, "required"),
        ({"text": " "}, "an empty message is never sent"),
        ({"text": "Dear {{ nobody }}"}, "No client has an attribute"),
        ({"text": "Dear {name}"}, "{name} is sent as it is written"),
        ({"states": ["sent"]}, "Select a valid choice"),
        ({"states": ["expired"]}, "No clients are in these states"),
        ({"ends_at": local(-60)}, "Choose an end"),
        ({"starts": "later", "starts_at": ""}, "Choose when it starts"),
        ({"starts": "x"}, "Select a valid choice"),
        ({"ends_at": "\x00"}, "valid date"),
        ({"provider": "gone"}, "Select a valid choice"),
        ({"provider": "null"}, "Name a configured provider"),
        ({"token": "x"}, "A new mailing goes to 2 clients"),
    ],
)
def test_a_wrong_form_is_shown_again(browser: Browser, fields: dict[str, Any], said: str) -> None:
    mailing = make_mailing_with_unknown()
    answer = again(browser, mailing, **fields)
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_a_page_without_its_text_sends_nothing_and_asks_for_one(browser: Browser) -> None:
    """As one of an earlier version: the other's text may be what is to be corrected."""
    mailing = make_mailing_with_unknown()
    given = {"states": ["failed"], "starts": "now", "ends_at": local(60), "provider": "console"}

    for do in ("look", "send"):
        answer = browser.post(f"/mailings/{mailing.id}/again/", {**given, "do": do})

        assert answer.context["form"].errors["text"] == [
            "Write a text: an empty message is never sent."
        ]
        assert "an empty message is never sent" in answer.content.decode()
    assert not Mailing.objects.filter(filter__again__mailing=mailing.id).exists()


def test_it_has_to_have_ended(browser: Browser) -> None:
    mailing = make_running(1)
    assert "Wait until it has ended" in again(browser, mailing).content.decode()


def test_a_mailing_that_sent_nothing_has_not_reached_everyone(browser: Browser) -> None:
    mailing = make_mailing(starts_in=3600, ends_in=7200)
    mailing.apply(CANCEL, actor="test")

    page = browser.get(f"/mailings/{mailing.id}/again/").content.decode()

    assert "Everyone was reached" not in page
    assert "This mailing sent nothing: copy it to send it." in page


def test_those_who_are_on_the_stop_list_were_not_reached(browser: Browser) -> None:
    put(["79000000000"], Source.API)
    mailing = make_running(2)
    record(mailing, ["sent"])
    mailing.move(CANCEL)

    page = browser.get(f"/mailings/{mailing.id}/again/").content.decode()

    assert "Everyone was reached" not in page
    assert "There are no clients to send to again" in page


def test_who_was_deleted_since_is_not_counted(browser: Browser) -> None:
    """Their messages stay on record: a new mailing does not go to them."""
    mailing = make_mailing_with_unknown()
    failed = mailing.messages.get(state="failed")
    Client.objects.filter(id=failed.client_id).delete()

    shown = browser.get(f"/mailings/{mailing.id}/again/").content.decode()
    looked = again(browser, mailing, do="look").content.decode()
    answer = again(browser, mailing)

    assert "1 client is deleted by now" in shown
    assert "<strong>1 message</strong>" in looked
    assert f"A new mailing goes to 1 client of № {mailing.id}." in answer.content.decode()


def test_a_test_send_is_not_sent_again(browser: Browser) -> None:
    """Its messages are to numbers and not to clients."""
    test = send_test(make_mailing(starts_in=60), ["79261234567"], "test").mailing
    make_client()
    test.apply(CANCEL, actor="test")
    close(test.id)
    before = Mailing.objects.count()

    page = browser.get(f"/mailings/{test.id}/").content.decode()
    answer = again(browser, test, states=["cancelled"]).content.decode()

    assert 'id="follow-up"' not in page
    assert "all clients" not in page
    assert "the numbers that were given" in page
    assert "A test send is not sent again" in answer
    assert Mailing.objects.count() == before


def test_where_everybody_was_reached_there_is_nobody(browser: Browser) -> None:
    mailing = make_running(1)
    record(mailing, ["sent"])
    mailing.move(CANCEL)
    page = browser.get(f"/mailings/{mailing.id}/again/").content.decode()
    assert "Everyone was reached" in page

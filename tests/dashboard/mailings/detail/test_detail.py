"""The page of one mailing: who sees which controls, its messages, its parts."""

import html
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser

from tests.builders import (
    end,
    enlist_all,
    make_mailing,
    make_running,
)
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.visiting import make_user, visitor
from tests.dispatch.dispatching import provider
from tests.dispatch.sent import record
from vestnik.dispatch.models import Message
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

MESSAGES_COME = 'hx-include="#which-messages" hx-trigger="live-state from:body"'

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user())


def page_of(browser: Browser, mailing: Mailing, query: str = "", **headers: str) -> str:
    answer = browser.get(f"/mailings/{mailing.id}/{query}", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def numbers_in(page: str) -> set[str]:
    return {m.phone_number for m in Message.objects.all() if m.phone_number[-2:] + "</a>" in page}


def test_there_is_no_such_mailing(browser: Browser) -> None:
    for address in ("1", "99999999999999999999999999", "9" * 5000):
        assert browser.get(f"/mailings/{address}/").status_code == 404


def test_the_actions_are_those_of_the_state(browser: Browser) -> None:
    mailing = make_running(2)
    page = page_of(browser, mailing)
    for action in ("pause", "cancel", "change", "copy", "report"):
        assert f"/mailings/{mailing.id}/{action}/" in page
    for action in ("resume", "schedule", "edit", "again"):
        assert f"/mailings/{mailing.id}/{action}/" not in page


def test_two_ways_of_sending_again_have_two_names(browser: Browser) -> None:
    """To those in doubt within the mailing, and to those not reached by a new one."""
    mailing = make_mailing_with_unknown()
    page = page_of(browser, mailing)
    links = re.findall(r'<a\b[^>]*href="(/mailings/[^"]*)"[^>]*>([^<]+)</a>', page)
    addresses = {name.strip(): {to for to, other in links if other == name} for _, name in links}

    assert addresses["Send once more in this mailing"] == {
        f"/mailings/{mailing.id}/unknown/resend/"
    }
    assert addresses["Send to those not reached"] == {f"/mailings/{mailing.id}/again/"}
    assert not [name for name in addresses if name.lower() == "send again"]


def test_a_viewer_sees_no_control_and_is_told_why() -> None:
    mailing = make_mailing_with_unknown()
    page = page_of(visitor(make_user(role="viewer")), mailing)
    assert "Your role is view-only" in page
    assert "An operator or an admin decides" in page
    for action in ("pause", "cancel", "again", "copy", "unknown"):
        assert f"/mailings/{mailing.id}/{action}" not in page


@pytest.mark.parametrize("state", ["draft", "scheduled", "running", "paused", "finished"])
def test_few_queries(
    browser: Browser, state: str, django_assert_max_num_queries: Any, settings: Any
) -> None:
    mailing = make_mailing_with_unknown() if state == "finished" else make_mailing(starts_in=99)
    if state in ("running", "paused"):
        mailing = make_running(3)
    if state == "paused":
        mailing.move(PAUSE)
    if state == "draft":
        Mailing.objects.filter(id=mailing.id).update(state="draft")
    with django_assert_max_num_queries(12):
        page_of(browser, mailing)
    with django_assert_max_num_queries(12):
        page_of(browser, mailing, "?state=failed&number=790")


def test_a_part_of_the_page_is_asked_for_alone(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    rows = page_of(browser, mailing, **{"HX-Request": "true", "HX-Target": "message-rows"})
    head = page_of(browser, mailing, **{"HX-Request": "true", "HX-Target": "mailing-header"})
    assert rows.lstrip().startswith('<div id="message-rows"')
    assert "<html" not in rows
    assert 'id="id_number"' not in rows  # what is typed there would be written over
    assert '<ul id="exports" hx-swap-oob="true">' in rows
    assert head.lstrip().startswith("<header")
    assert 'id="mailing-header"' in head
    assert 'id="history" aria-labelledby="history-title" hx-swap-oob="become"' in head


@pytest.mark.parametrize("part", ["head", "doubt", "curves"])
def test_a_page_that_the_version_before_made_reloads(browser: Browser, part: str) -> None:
    """Its parts have other ids: what came for them would have no place on it."""
    headers = {"HX-Request": "true", "HX-Target": part}

    answer = browser.get(f"/mailings/{make_mailing_with_unknown().id}/", headers=headers)

    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


def test_messages_by_state_and_by_a_part_of_the_number(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    by_state = {m.state: m.phone_number for m in mailing.messages.all()}

    assert len(numbers_in(page_of(browser, mailing))) == 3
    assert numbers_in(page_of(browser, mailing, "?state=failed")) == {by_state["failed"]}
    end_of_one = max(by_state.values())[6:]
    assert numbers_in(page_of(browser, mailing, f"?number={end_of_one}")) == {
        max(by_state.values())
    }
    local = "8" + by_state["unknown"][1:]
    assert numbers_in(page_of(browser, mailing, f"?number={local}")) == {by_state["unknown"]}
    assert numbers_in(page_of(browser, mailing, f"?number={local}&state=sent")) == set()
    assert len(numbers_in(page_of(browser, mailing, "?number=8 900 00"))) == 3
    assert len(numbers_in(page_of(browser, mailing, "?number=8 901 00"))) == 0


@pytest.mark.parametrize(
    "query",
    [
        "?state=x",
        "?number=%00",
        "?number=%",
        "?number=abc",
        "?cursor=",
        "?cursor=%00",
        "?state=&x=1",
    ],
)
def test_a_hostile_query_is_ignored(browser: Browser, query: str) -> None:
    assert len(numbers_in(page_of(browser, make_mailing_with_unknown(), query))) == 3


def test_reasons_are_in_the_readers_language() -> None:
    mailing = make_running(2)
    mailing.move(PAUSE, reason=Reason(Code.PROVIDER_MISSING, alias="x"))
    client = mailing.messages.values_list("client", flat=True).first()
    assert client is not None
    delete_client(client)

    page = page_of(visitor(make_user(), **{"accept-language": "ru"}), mailing)

    assert "Провайдер x больше не настроен." in page
    assert "клиент удалён" in page


def test_what_is_in_doubt_says_which_ways_are_open(browser: Browser, settings: Any) -> None:
    mailing = make_mailing_with_unknown()
    page = page_of(browser, mailing)
    assert "1 message is in an unknown state." in page
    assert "does not answer status queries" in page
    assert f"/mailings/{mailing.id}/unknown/resend/" in page
    assert f"/mailings/{mailing.id}/unknown/ask/" not in page

    end(mailing)
    assert f"/mailings/{mailing.id}/unknown/resend/" not in page_of(browser, mailing)

    with provider(settings, "null", "smsc", apikey="x"):
        assert f"/mailings/{mailing.id}/unknown/ask/" in page_of(browser, mailing)


def test_who_did_what_is_on_the_page(browser: Browser) -> None:
    mailing = make_mailing(starts_in=60)
    mailing.change({"name": "New", "ends_at": mailing.ends_at}, actor="user:boris")
    page = page_of(browser, mailing)
    assert "boris" in page
    assert "end, name" in page


def test_the_breakdown_counts_by_code_and_by_reason(
    browser: Browser, django_assert_max_num_queries: Any
) -> None:
    mailing = make_mailing_with_unknown()
    address = f"/mailings/{mailing.id}/breakdown/"
    with django_assert_max_num_queries(12):
        part = browser.get(address, headers={"HX-Request": "true"}).content.decode()
    whole = browser.get(address).content.decode()
    assert "<html" in whole
    assert "<html" not in part
    assert ">900</th>" in part
    assert "8: as the test wants" in part


def test_a_breakdown_is_looked_up_again_once_the_counts_changed(browser: Browser) -> None:
    mailing = make_running(3)
    address = f"/mailings/{mailing.id}/breakdown/"
    browser.get(address)
    record(mailing, ["failed"])
    assert "8: as the test wants" in browser.get(address).content.decode()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_messages_and_statistics_are_downloaded(browser: Browser, form: str) -> None:
    mailing = make_mailing_with_unknown()
    for what in ("messages", "statistics"):
        answer = browser.get(f"/mailings/{mailing.id}/{what}/export/?format={form}")
        assert f"mailing-{mailing.id}-{what}.{form}" in answer["Content-Disposition"]
        assert answer.getvalue()
    failed = browser.get(f"/mailings/{mailing.id}/messages/export/?state=failed").getvalue()
    assert failed.count(b"\n") == 2


FILTERED = [
    ("", 3),
    ("state=sent", 1),
    ("number=000-00-01", 1),
    ("number=%2B7+900+000-00-02&state=sent", 0),
    ("number=8+900+000-00", 3),
    ("number=abc", 3),
]


@pytest.mark.parametrize(("query", "count"), FILTERED)
def test_a_file_has_the_messages_that_the_table_is_filtered_by(
    browser: Browser, query: str, count: int
) -> None:
    mailing = make_mailing_with_unknown()
    page = html.unescape(browser.get(f"/mailings/{mailing.id}/?{query}").content.decode())
    addresses = re.findall(r'href="(/mailings/\d+/messages/export/[^"]+csv[^"]*)"', page)

    assert len(addresses) == 2
    for address in addresses:
        rows = browser.get(address).getvalue().decode("utf-8-sig").strip().splitlines()
        assert len(rows) == count + 1


def test_the_page_of_a_scheduled_one_learns_of_its_start(browser: Browser) -> None:
    mailing = make_mailing(starts_in=60)
    page = page_of(browser, mailing)
    assert f'data-reload data-live="/live/mailings/{mailing.id}/?since=' in page
    assert ' data-state="scheduled-empty"' in page


def test_a_page_that_was_opened_before_there_were_messages_learns_of_them(browser: Browser) -> None:
    mailing = make_mailing()
    assert launch.launch(mailing.id)
    page = page_of(browser, mailing)
    assert 'data-state="running-empty"' in page
    assert "The messages are being made" in page
    assert MESSAGES_COME in page

    enlist_all(mailing)
    mailing.refresh_from_db()
    assert "No client fitted the conditions" in page_of(browser, mailing)


def test_one_whose_audience_could_not_be_enlisted_waits_for_no_message(browser: Browser) -> None:
    mailing = make_mailing()
    assert launch.launch(mailing.id)
    mailing.move(PAUSE)

    page = page_of(browser, mailing)

    assert "There is no message." in page
    assert "The messages are being made" not in page


def test_a_table_with_messages_stays_as_it_is(browser: Browser) -> None:
    mailing = make_running(2)
    assert MESSAGES_COME not in page_of(browser, mailing)
    searched = page_of(browser, mailing, "?number=555")
    assert "No message fits" in searched
    assert MESSAGES_COME not in searched


@pytest.mark.parametrize(
    ("state", "moves"), [("running", True), ("paused", True), ("finished", False)]
)
def test_the_breakdown_and_the_rows_of_a_mailing_under_way_move(
    browser: Browser, state: str, moves: bool
) -> None:
    mailing = make_running(2)
    finished_at = None if moves else mailing.started_at
    Mailing.objects.filter(id=mailing.id).update(state=state, finished_at=finished_at)
    mailing.refresh_from_db()
    page = page_of(browser, mailing, "?state=queued")
    assert ("every 10s" in page) is moves
    part = browser.get(f"/mailings/{mailing.id}/breakdown/", headers={"HX-Request": "true"}).text
    assert ("every 15s" in part) is moves
    assert 'id="breakdown"' in part

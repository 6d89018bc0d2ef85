"""Orders: what they say before they are given, what they do, and what a conflict does not lose."""

import re
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client as Browser
from psycopg import errors

from tests.builders import (
    end,
    from_now,
    make_clients,
    make_mailing,
    make_running,
    zone_where_it_is,
)
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.visiting import make_user, visitor
from tests.dispatch.dispatching import provider
from tests.dispatch.sent import claim_of, due_ids, mark_in_flight, record
from vestnik.audience.models import Client
from vestnik.dashboard.web.form_idempotency import new_token
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

pytestmark = pytest.mark.django_db
ACTION_NAMES = ("schedule", "pause", "resume", "cancel")


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user())


def asked(browser: Browser, mailing: Mailing, action: str, **headers: str) -> str:
    answer = browser.get(f"/mailings/{mailing.id}/{action}/", headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def given(browser: Browser, mailing: Mailing, action: str, **fields: Any) -> HttpResponse:
    """The page that one is led to once one has agreed to what was asked."""
    if action in ("cancel", "schedule"):
        fields = {**_seen_in(browser.get(f"/mailings/{mailing.id}/{action}/")), **fields}
    answer = browser.post(f"/mailings/{mailing.id}/{action}/", fields, follow=True)
    mailing.refresh_from_db()
    return answer


def _seen_in(page: Any) -> dict[str, str]:
    found = re.search(r'name="seen" value="([^"]*)"', page.content.decode())
    return {"seen": found[1]} if found else {}


def draft(**fields: Any) -> Mailing:
    mailing = make_mailing(starts_in=3600, ends_in=7200, **fields)
    Mailing.objects.filter(id=mailing.id).update(state="draft")
    mailing.refresh_from_db()
    return mailing


@pytest.mark.parametrize("hours", [None, {"from": "00:00", "until": "23:59"}])
def test_resume_forecasts_a_share_of_the_rate_where_others_are_sent(
    browser: Browser, settings: Any, hours: dict[str, str] | None
) -> None:
    """300 at 10 a second fit into 45 s alone, and not beside another that wants as much."""
    with provider(settings, "narrow", "null", max_rate="10"):
        mailing = make_running(300, provider="narrow", ends_in=45.0, local_hours=hours)
        mailing.apply(PAUSE, actor="test")
        assert "will not fit" not in asked(browser, mailing, "resume")

        make_running(0, provider="narrow", ends_in=45.0, local_hours=hours)

        said = asked(browser, mailing, "resume")
        assert "will not fit" in said
        assert "The provider is sending 1 other mailing now" in said


def test_pause_says_what_flies_and_what_stays(browser: Browser) -> None:
    mailing = make_running(10)
    claim = claim_of(mailing)
    mark_in_flight(claim, due_ids(claim)[:4])

    page = asked(browser, mailing, "pause")

    assert "<strong>4 messages</strong> are being handed over" in page
    assert "<strong>6 messages</strong> stay in the queue" in page
    assert "You may resume it until" in page


def test_pause_and_resume(browser: Browser) -> None:
    mailing = make_running(2)
    paused = given(browser, mailing, "pause")
    assert mailing.state == "paused"
    assert "The mailing is paused." in paused.content.decode()

    given(browser, mailing, "resume")
    assert mailing.state == "running"
    assert [event.actor for event in mailing.events.order_by("-id")[:2]] == ["user:anna"] * 2


@pytest.mark.parametrize(("hour", "at_night"), [(2, 2), (12, 0)])
def test_resume_says_for_how_many_it_is_night(browser: Browser, hour: int, at_night: int) -> None:
    mailing = make_running(3)
    record(mailing, ["sent"])
    mailing.apply(PAUSE, actor="test")
    Client.objects.update(timezone=zone_where_it_is(hour))

    page = asked(browser, mailing, "resume")

    assert ("It is night for 2 of these clients" in page) == bool(at_night)
    assert ('<button class="is-danger">Resume the mailing' in page) == bool(at_night)


def test_it_goes_on_into_the_night_where_it_does_not_fit(browser: Browser, settings: Any) -> None:
    """20 at one in 1,000 s take longer than the four hours until the end."""
    with provider(settings, "slow", "null", max_rate="0.001"):
        mailing = make_running(20, provider="slow", ends_in=4 * 3600)
        mailing.apply(PAUSE, actor="test")
        Client.objects.update(timezone=zone_where_it_is(20))

        page = asked(browser, mailing, "resume")

    assert "of them will not fit</strong>" in page
    assert "It is night for 20 of these clients" in page


def test_resume_after_the_end_says_nothing_of_the_night(browser: Browser) -> None:
    mailing = make_running(3)
    mailing.apply(PAUSE, actor="test")
    Client.objects.update(timezone=zone_where_it_is(2))
    end(mailing)

    page = asked(browser, mailing, "resume")

    assert "The end has passed" in page
    assert "It is night" not in page


def test_resume_says_whether_it_fits(browser: Browser) -> None:
    mailing = make_running(50, rate_limit=1, ends_in=3600)
    mailing.move(PAUSE)
    assert "it fits before the end" in asked(browser, mailing, "resume")

    mailing.change({"ends_at": from_now(20)}, actor="tests")
    assert "of them will not fit</strong>" in asked(browser, mailing, "resume")


def test_without_a_known_rate_nothing_is_promised(browser: Browser) -> None:
    mailing = make_running(5)
    mailing.move(PAUSE)
    assert "as fast as the provider takes them" in asked(browser, mailing, "resume")


def test_cancel_says_that_it_is_for_good(browser: Browser) -> None:
    mailing = make_running(10)
    page = asked(browser, mailing, "cancel")
    assert "<strong>10 waiting messages</strong> become cancelled" in page
    assert "This cannot be undone" in page

    given(browser, mailing, "cancel")
    assert mailing.state == "cancelled"


def test_cancelling_what_has_not_started_says_who_gets_nothing(browser: Browser) -> None:
    make_clients(3)
    page = asked(browser, make_mailing(starts_in=60), "cancel")
    assert "<strong>3 clients</strong> will get nothing" in page


def test_a_draft_is_scheduled(browser: Browser) -> None:
    make_clients(3)
    mailing = draft(provider="console")
    assert "<strong>3 clients</strong> match" in asked(browser, mailing, "schedule")
    given(browser, mailing, "schedule")
    assert mailing.state == "scheduled"


def test_a_draft_whose_end_has_passed_leads_to_its_form(browser: Browser) -> None:
    mailing = draft()
    end(mailing)
    answer = given(browser, mailing, "schedule")
    assert mailing.state == "draft"
    assert answer.request["PATH_INFO"] == f"/mailings/{mailing.id}/edit/"
    assert "still to come" in answer.content.decode()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("pause", "It was not paused"),
        ("resume", "It cannot be resumed"),
        ("cancel", "not cancelled"),
    ],
)
def test_a_conflict_is_told_and_nothing_is_lost(browser: Browser, action: str, said: str) -> None:
    mailing = make_mailing_with_unknown()
    for answer in (
        given(browser, mailing, action),
        browser.get(f"/mailings/{mailing.id}/{action}/", follow=True),
    ):
        page = answer.content.decode()
        assert said in page
        assert "“finished” now" in page
    assert mailing.state == "finished"


def test_a_conflict_is_told_in_russian() -> None:
    mailing = make_running(1)
    mailing.move(CANCEL)
    browser = visitor(make_user(), **{"accept-language": "ru"})
    page = given(browser, mailing, "pause").content.decode()
    assert "Рассылка не поставлена на паузу: её состояние сейчас — «отменена»." in page


def test_a_second_click_on_schedule_is_no_error_once_it_has_started(browser: Browser) -> None:
    mailing = make_running(2)
    page = given(browser, mailing, "schedule").content.decode()
    assert "The mailing is scheduled." in page
    assert "has passed" not in page

    mailing.move(CANCEL)
    page = given(browser, mailing, "schedule").content.decode()
    assert "It cannot be scheduled: the mailing is “cancelled” now." in page


def test_an_action_that_is_asked_about_too_late_tells_how_it_is(browser: Browser) -> None:
    mailing = make_running(2)
    told = browser.get(f"/mailings/{mailing.id}/schedule/", follow=True).content.decode()
    assert "It cannot be scheduled: the mailing is “running” now." in told
    told = browser.get(f"/mailings/{mailing.id}/resume/", follow=True).content.decode()
    assert "The mailing is running again." in told


def test_a_dialog_that_comes_too_late_leads_back(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    answer = browser.get(f"/mailings/{mailing.id}/pause/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, f"/mailings/{mailing.id}/")


def test_an_action_that_is_fulfilled_already_is_fine(browser: Browser) -> None:
    mailing = make_running(1)
    mailing.move(PAUSE)
    page = given(browser, mailing, "pause").content.decode()
    assert "The mailing is paused." in page


def test_a_dialog_is_a_part_and_a_page_a_page(browser: Browser) -> None:
    mailing = make_running(1)
    part = asked(browser, mailing, "pause", **{"HX-Request": "true"})
    whole = asked(browser, mailing, "pause")
    assert "<html" not in part
    assert 'id="dialog-title"' in part
    assert "<h1>Pause the mailing?</h1>" in whole


@pytest.mark.parametrize(
    "action", [*ACTION_NAMES, "change", "again", "unknown/give-up", "unknown/resend"]
)
def test_a_viewer_may_do_nothing(action: str) -> None:
    mailing = make_mailing_with_unknown() if "unknown" in action else make_running(1)
    before = mailing.state
    browser = visitor(make_user(role="viewer"))
    address = f"/mailings/{mailing.id}/{action}/"
    assert browser.get(address).status_code == 403
    assert browser.post(address).status_code == 403
    mailing.refresh_from_db()
    assert mailing.state == before


def test_unknown_messages_are_sent_again(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    page = asked(browser, mailing, "unknown/resend")
    assert "<strong>1 message</strong> is queued again" in page
    assert "may get it twice" in page
    assert (
        "1 message is queued again."
        in given(browser, mailing, "unknown/resend", agreed="1").content.decode()
    )
    assert mailing.state == "running"


@pytest.mark.parametrize("way", ["resend", "give-up"])
def test_more_than_was_agreed_to_is_asked_about_again(browser: Browser, way: str) -> None:
    mailing = make_running(3, starts_in=-10)
    record(mailing, ["unknown", "unknown", "unknown"])
    events = mailing.events.count()

    answer = given(browser, mailing, f"unknown/{way}", agreed="1")

    page = " ".join(answer.content.decode().split())
    assert "you confirmed 1, and now 3 are unknown" in page
    assert 'name="agreed" value="3"' in page
    assert set(mailing.messages.values_list("state", flat=True)) == {"unknown"}
    assert mailing.events.count() == events


def test_who_was_not_asked_has_agreed_to_nothing(browser: Browser) -> None:
    mailing = make_mailing_with_unknown()
    page = given(browser, mailing, "unknown/resend").content.decode()
    assert "<strong>1 message</strong> is queued again" in page
    assert mailing.state == "finished"


def test_an_answer_that_broke_off_may_be_given_again(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = make_mailing_with_unknown()
    answer = {"agreed": "1", "token": new_token()}
    with monkeypatch.context() as broken:
        broken.setattr(unknown_messages, "resolve_slice", _held_by_others)
        with pytest.raises(OperationalError):
            browser.post(f"/mailings/{mailing.id}/unknown/resend/", answer)

    page = given(browser, mailing, "unknown/resend", **answer).content.decode()

    assert "1 message is queued again." in page
    assert set(mailing.messages.values_list("state", flat=True)) == {"sent", "failed", "queued"}


def _held_by_others(*_: object, **__: object) -> int:
    raise OperationalError from errors.LockNotAvailable()


def test_one_answer_sends_again_once(browser: Browser) -> None:
    """What comes into doubt after it is another doubt, also for a click that comes late."""
    mailing = make_mailing_with_unknown()
    answer = {"agreed": "1", "token": new_token()}
    given(browser, mailing, "unknown/resend", **answer)
    record(mailing, ["unknown"])

    page = given(browser, mailing, "unknown/resend", **answer).content.decode()

    assert "1 message is queued again." in page
    assert mailing.messages.filter(state="unknown").count() == 1


def test_what_cannot_be_sent_again_is_told_truly(browser: Browser) -> None:
    mailing = make_running(1)
    record(mailing, ["unknown"])
    mailing.move(CANCEL)
    page = given(browser, mailing, "unknown/resend", agreed="1").content.decode()
    assert "Nothing was queued again: the mailing is “cancelled”." in page
    assert "its end has passed" not in page


def test_unknown_messages_are_given_up(browser: Browser) -> None:
    other = make_mailing_with_unknown()
    assert "counts as refused" in asked(browser, other, "unknown/give-up")
    given(browser, other, "unknown/give-up", agreed="1")
    assert sorted(other.messages.values_list("state", flat=True)) == ["failed", "failed", "sent"]
    again = given(browser, other, "unknown/give-up").content.decode()
    assert "No messages are unknown any more." in again


def test_what_cannot_be_asked_or_resent_says_why(browser: Browser, settings: Any) -> None:
    mailing = make_mailing_with_unknown()
    for answer in (
        browser.get(f"/mailings/{mailing.id}/unknown/ask/", follow=True),
        given(browser, mailing, "unknown/ask"),
    ):
        assert "does not answer status queries" in answer.content.decode()
    end(mailing)
    for answer in (
        browser.get(f"/mailings/{mailing.id}/unknown/resend/", follow=True),
        given(browser, mailing, "unknown/resend"),
    ):
        assert "Nothing was queued again" in answer.content.decode()
    with provider(settings, "null", "smsc", apikey="x"):
        assert "Nothing is sent." in asked(browser, mailing, "unknown/ask")
        assert "being asked about 1" in given(browser, mailing, "unknown/ask").content.decode()


def _begun(sent: int, of: int = 12) -> Mailing:
    mailing = make_running(of)
    record(mailing, ["sent"] * sent) if sent else None
    return mailing


@pytest.mark.parametrize(
    ("sent", "seen", "is_done"),
    [
        (0, "waits 0", False),  # it has started since
        (9, "waits 0", False),
        (1, "started 0", True),
        (3, "started 0", True),
        (4, "started 0", False),
        (10, "started 1", False),
        (0, "", False),
        (0, "started", False),
        (0, "started -1", False),
        (0, "started 1e3", False),
        (0, f"started {'9' * 5000}", False),
    ],
)
def test_a_question_that_has_become_another_one_is_asked_again(
    browser: Browser, sent: int, seen: str, is_done: bool
) -> None:
    mailing = _begun(sent)
    page = given(browser, mailing, "cancel", seen=seen).content.decode()
    assert (mailing.state == "cancelled") is is_done
    if not is_done:
        assert "Nothing was done: the state has changed since this page was shown." in page
        assert f'name="seen" value="started {sent}"' in page


def test_a_draft_that_matches_others_by_now_is_asked_about_again(browser: Browser) -> None:
    make_clients(3)
    mailing = draft(provider="console")
    page = given(browser, mailing, "schedule", seen="matches 2").content.decode()
    assert "<strong>3 clients</strong> match" in page
    assert mailing.state == "draft"


@pytest.mark.parametrize(
    ("state", "action", "does", "keeps"),
    [
        ("running", "cancel", "Cancel the mailing", "Keep it running"),
        ("paused", "cancel", "Cancel the mailing", "Keep it paused"),
        ("scheduled", "cancel", "Cancel the mailing", "Keep it scheduled"),
        ("running", "pause", "Pause the mailing", "Keep it running"),
        ("paused", "resume", "Resume the mailing", "Keep it paused"),
        ("draft", "schedule", "Schedule the mailing", "Leave it a draft"),
    ],
)
def test_both_answers_say_what_they_do(
    browser: Browser, state: str, action: str, does: str, keeps: str
) -> None:
    mailing = make_running(1) if state in ("running", "paused") else make_mailing(starts_in=60)
    Mailing.objects.filter(id=mailing.id).update(state=state)
    page = asked(browser, mailing, action)
    assert f">{does}</button>" in page
    assert f">{keeps}</a>" in page
    assert ("data-close autofocus" in page) is (action == "cancel")

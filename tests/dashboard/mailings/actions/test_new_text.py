"""A new text for those who wait, on its page: looked at with its counts, then agreed to."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client as Browser

from tests.builders import make_running
from tests.dashboard.visiting import make_user, visitor
from tests.dispatch.sent import record
from vestnik.dispatch.prepare.new_text import change
from vestnik.dispatch.runtime.tasks import look_at
from vestnik.mailings.models import PAUSE, RESUME, Mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user())


def make_paused(**fields: Any) -> Mailing:
    """One was sent, two wait."""
    mailing = make_running(3, text="Teh sale", **fields)
    record(mailing, ["sent"])
    mailing.apply(PAUSE, actor="test")
    return mailing


def posted(browser: Browser, mailing: Mailing, **fields: Any) -> str:
    body = {"text": "The sale", "version": mailing.text_version, "do": "look", **fields}
    answer = browser.post(f"/mailings/{mailing.id}/text/", body, follow=True)
    mailing.refresh_from_db()
    return " ".join(answer.content.decode().split())


def agreed_in(page: str) -> str:
    return hidden_in(page, "agreed")


def version_in(page: str) -> str:
    return hidden_in(page, "version")


def hidden_in(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def test_it_is_asked_with_the_counts_and_then_done(browser: Browser) -> None:
    mailing = make_paused()
    assert f"/mailings/{mailing.id}/text/" in browser.get(f"/mailings/{mailing.id}/").text

    page = posted(browser, mailing)

    assert "<strong>1 message</strong> has been handed over with the old text" in page
    assert "<strong>2 messages</strong> still wait and get the new text" in page
    assert '<p class="message-text">The sale</p>' in page
    assert (mailing.text, mailing.text_version) == ("Teh sale", 1)

    page = posted(browser, mailing, do="give", agreed=agreed_in(page))
    assert "The new text is for 2 messages that wait." in page
    look_at(mailing.id)
    rows = mailing.messages.order_by("id").select_related("mailing")
    assert [row.full_text for row in rows] == ["Teh sale", "The sale", "The sale"]
    assert "text 2: still waiting 2, got an earlier one 1" in page
    page = " ".join(browser.get(f"/mailings/{mailing.id}/").text.split())
    assert page.count("text 1</span>") == 1  # which message got which
    assert page.count("text 2</span>") == 2
    assert '<dd class="message-text soft">Teh sale</dd>' in page


def test_what_looks_like_a_placeholder_is_shown_before_it_is_agreed_to(browser: Browser) -> None:
    assert "{name} is sent as it is written" in posted(browser, make_paused(), text="Dear {name}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"agreed": ""}, "still wait and get the new text"),
        ({"agreed": "1 1 e3b0c44298fc"}, "Check again"),
        ({"text": "Another"}, "Check again"),
        ({"version": 7}, "Another user has changed the text"),
        ({"version": ""}, "required"),
        ({"text": "Teh sale"}, "The text is unchanged"),
        ({"text": ""}, "an empty message is never sent"),
        ({"text": "Dear {{ nobody }}"}, "No client has an attribute"),
    ],
)
def test_what_was_not_agreed_to_is_asked(
    browser: Browser, changes: dict[str, Any], said: str
) -> None:
    mailing = make_paused()
    agreed = agreed_in(posted(browser, mailing))

    page = posted(browser, mailing, **{"do": "give", "agreed": agreed, **changes})

    assert said in page
    assert (mailing.text, mailing.text_version) == ("Teh sale", 1)


def test_the_text_of_another_user_is_shown_and_then_replaced(browser: Browser) -> None:
    mailing = make_paused()
    change(mailing, {"text": "Theirs"}, actor="user:other")

    page = posted(browser, mailing, version=1)
    assert "Another user has changed the text. Now it is: “Theirs”." in page
    assert (mailing.text, version_in(page)) == ("Theirs", "2")

    page = posted(browser, mailing, version=version_in(page))
    posted(browser, mailing, version=version_in(page), do="give", agreed=agreed_in(page))
    assert mailing.text == "The sale"


def test_a_restored_page_is_told_of_the_other_text_too(browser: Browser) -> None:
    mailing, token = make_paused(), str(uuid.uuid4())
    posted(browser, mailing, token=token)
    change(mailing, {"text": "Theirs"}, actor="user:other")

    page = browser.get(f"/mailings/{mailing.id}/text/?unsaved={token}").text
    page = posted(browser, mailing, token=token, version=version_in(page))
    assert "Now it is: “Theirs”." in page

    page = browser.get(f"/mailings/{mailing.id}/text/?unsaved={token}").text
    page = posted(browser, mailing, token=token, version=version_in(page))
    page = posted(browser, mailing, token=token, version=version_in(page))
    assert '<p class="message-text">The sale</p>' in page


@pytest.mark.parametrize("state", ["paused", "running"])
def test_the_same_answer_again_is_no_error(browser: Browser, state: str) -> None:
    mailing = make_paused()
    answer = {"version": 1, "do": "give", "agreed": agreed_in(posted(browser, mailing))}
    posted(browser, mailing, **answer)
    if state == "running":
        mailing.apply(RESUME, actor="test")

    page = posted(browser, mailing, **answer)

    said = {"paused": "The new text is for 2 messages", "running": "The changes are saved."}
    assert said[state] in page
    assert (mailing.text, mailing.text_version) == ("The sale", 2)
    errors = ("Another user", "is unchanged", "was not changed")
    assert [words for words in errors if words in page] == []


def test_a_running_mailing_is_to_be_paused_first(browser: Browser) -> None:
    mailing = make_running(1, text="Old")
    assert "Pause it to change the text" in posted(browser, mailing)
    assert mailing.text == "Old"


def test_in_russian(browser: Browser) -> None:
    mailing = make_paused()
    browser.cookies["django_language"] = "ru"
    browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "ru"
    page = posted(browser, mailing)
    assert "Кто какой текст получит" in page

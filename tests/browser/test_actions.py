"""Pause, resume and cancel by the keyboard alone, in dialogs and without JavaScript."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import demo
from tests.browser.accessible import assert_accessible, assert_fits
from tests.browser.conftest import OpenPage, peopled_stack
from tests.browser.settled_page import wait_until_settled
from tests.pipeline.mailings import read
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

CLIENTS = 300


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A system of its own."""
    with peopled_stack() as running:
        yield running


@pytest.fixture(scope="module")
def slow(stack: RunningStack) -> Any:
    """Makes mailings that take minutes, to clients of their own among all that there are."""
    demo.make_clients(stack, CLIENTS, tag="slow")
    theirs = {"tags": ["slow"]}

    def make(name: str) -> int:
        mailing = demo.mailing(stack, name=name, text="Hello", filter=theirs, rate_limit=2)
        wait_until(lambda: read(stack, mailing)["progress"]["sent"], seconds=30)
        return mailing

    return make


def press(page: Page, name: str) -> None:
    """Go to a control by the keyboard's focus, and press Enter."""
    wait_until_settled(page)
    page.get_by_role("link", name=name, exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_be_visible()


def test_pause_resume_and_cancel_by_the_keyboard(browser_page: OpenPage, slow: Any) -> None:
    page = browser_page("operator", language="en")
    page.goto(f"/mailings/{slow('Slow one')}/")
    expect(page.locator("#mailing-header .badge")).to_have_text("running")

    press(page, "Pause")
    expect(page.locator("dialog")).to_contain_text("stay in the queue")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_role("link", name="Pause", exact=True)).to_be_focused()
    expect(page.locator("#mailing-header .badge")).to_have_text("running")

    press(page, "Pause")
    page.keyboard.press("Enter")
    expect(page.locator("#mailing-header .badge")).to_have_text("paused")
    expect(page.get_by_role("status").first).to_contain_text("The mailing is paused.")

    press(page, "Resume")
    expect(page.locator("dialog")).to_contain_text("it fits before the end")
    page.keyboard.press("Enter")
    expect(page.locator("#mailing-header .badge")).to_have_text("running")
    expect(page.get_by_role("status").first).to_contain_text("The mailing is running again.")

    press(page, "Cancel")
    expect(page.locator("dialog")).to_contain_text("This cannot be undone")
    expect(page.get_by_role("link", name="Keep it running")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#mailing-header .badge")).to_have_text("running")

    press(page, "Cancel")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Cancel the mailing")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#mailing-header .badge")).to_have_text("cancelled")
    expect(page.get_by_role("link", name="Send to those not reached", exact=True)).to_be_visible()


def test_a_page_that_is_open_learns_what_somebody_else_did(
    browser_page: OpenPage, stack: RunningStack, slow: Any
) -> None:
    page = browser_page("operator", language="en")
    mailing = slow("Watched one")
    page.goto(f"/mailings/{mailing}/")
    expect(page.locator("#mailing-header .badge")).to_have_text("running")
    cancel = page.get_by_role("link", name="Cancel", exact=True)
    cancel.focus()
    cancel.evaluate("link => link.marked = true")

    demo.post(stack, f"mailings/{mailing}/pause/")

    expect(page.locator("#mailing-header .badge")).to_have_text("paused")
    expect(cancel).to_be_focused()
    assert cancel.evaluate("link => link.marked")
    press(page, "Resume")
    page.keyboard.press("Escape")
    demo.post(stack, f"mailings/{mailing}/cancel/")


def test_without_javascript_a_question_has_a_page(browser_page: OpenPage, slow: Any) -> None:
    page = browser_page("operator", language="en", javascript=False, width=375)
    mailing = slow("Plain one")
    page.goto(f"/mailings/{mailing}/")

    page.get_by_role("link", name="Cancel", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel the mailing for good?")
    page.get_by_role("button", name="Cancel the mailing", exact=True).click()

    expect(page.locator("#mailing-header .badge")).to_have_text("cancelled")


def test_a_typo_is_cured_for_those_who_still_wait(browser_page: OpenPage, slow: Any) -> None:
    page = browser_page("operator", language="en", width=375)
    mailing = slow("With a typo")
    page.goto(f"/mailings/{mailing}/")
    press(page, "Pause")
    page.keyboard.press("Enter")
    expect(page.locator("#mailing-header .badge")).to_have_text("paused")

    page.get_by_role("link", name="Change the text", exact=True).click()
    page.get_by_label("Text", exact=True).fill("Hello, corrected")
    page.get_by_role("button", name="Check the text").click()
    kept = re.compile("handed over with the old text and keeps? it")
    expect(page.locator("main")).to_contain_text(kept)
    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("button", name="the new text").click()

    expect(page.get_by_role("status").first).to_contain_text("The new text is for")
    texts = page.locator("#summary .message-text")
    expect(texts).to_have_text(["Hello, corrected", "Hello"])


TICKED = """() => [...document.querySelectorAll("[name=states]:checked")]
    .reduce((sum, box) => sum + Number(box.dataset.count), 0).toLocaleString("en")"""


def test_after_back_the_total_is_of_what_is_ticked(
    browser_page: OpenPage, stack: RunningStack, slow: Any
) -> None:
    page = browser_page("operator", language="en")
    mailing = slow("Left behind")
    demo.post(stack, f"mailings/{mailing}/cancel/")
    page.goto(f"/mailings/{mailing}/again/")
    total, cancelled = page.locator("#follow-up-total"), page.locator(
        "[name=states][value=cancelled]"
    )
    expect(cancelled).to_be_enabled()
    expect(cancelled).not_to_be_checked()
    before = total.inner_text()

    cancelled.check()
    expect(total).not_to_have_text(before)
    ticked = total.inner_text()
    assert ticked == page.evaluate(TICKED)
    wait_until_settled(page)
    page.goto("/clients/")
    page.go_back()

    expect(total).to_have_text(page.evaluate(TICKED))
    assert total.inner_text() in (before, ticked)


def test_a_dialog_stays_for_its_own_edge_and_for_a_selection(
    browser_page: OpenPage, slow: Any
) -> None:
    page = browser_page("operator", language="en")
    page.goto(f"/mailings/{slow('Edged one')}/")
    press(page, "Change")
    dialog = page.locator("dialog[open]")
    box = dialog.bounding_box()
    assert box

    page.mouse.click(box["x"] + 3, box["y"] + 3)
    expect(dialog).to_be_visible()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] - 40, box["y"] - 20)
    page.mouse.up()
    expect(dialog).to_be_visible()
    page.get_by_label("Name").fill("Written")
    page.mouse.click(box["x"] - 40, box["y"] - 20)
    expect(dialog).to_be_visible()
    page.get_by_label("Name").fill("Edged one")
    page.mouse.click(box["x"] - 40, box["y"] - 20)
    expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("ru", "dark", 375), ("en", "light", 1440)]
)
def test_messages_are_filtered_in_place(
    browser_page: OpenPage, slow: Any, language: str, theme: str, width: int
) -> None:
    page = browser_page("viewer", language=language, theme=theme, width=width)
    page.goto(f"/mailings/{slow('Filtered one')}/")

    expect(page.locator("#messages tbody tr")).to_have_count(25)
    wait_until_settled(page)
    page.locator("#id_number").press_sequentially("0000001")

    expect(page.locator("#messages tbody tr")).to_have_count(1)
    assert "number=0000001" in page.url
    assert_accessible(page)
    assert_fits(page)

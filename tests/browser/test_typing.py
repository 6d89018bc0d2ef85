"""What is typed or chosen while an answer is still out stays as it was typed or chosen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import demo
from tests.browser.conftest import OpenPage, peopled_stack, session_of
from tests.browser.held import Held
from tests.browser.people import PASSWORD
from tests.browser.settled_page import wait_until_settled
from tests.pipeline.mailings import read
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

OUT = ".htmx-request"


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A system of its own."""
    with peopled_stack() as running:
        yield running


def test_a_digit_that_is_typed_during_a_search_stays(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    demo.make_clients(stack, 60, tag="found")
    mailing = demo.mailing(stack, name="Found", text="Hello", filter={"tags": ["found"]})
    wait_until(lambda: read(stack, mailing)["state"] == "finished", seconds=30)
    page = browser_page("viewer")
    page.goto(f"/mailings/{mailing}/")
    wait_until_settled(page)
    number, held = page.locator("#id_number"), Held(page, "**/mailings/*/?*number=*")

    number.press_sequentially("000001")
    held.wait_for(1)
    number.press_sequentially("1")
    page.wait_for_timeout(500)  # more than it waits for the next digit
    assert len(held.routes) == 1  # one search at a time
    held.let_go()
    held.wait_for(2)

    expect(page.locator("#messages tbody tr")).to_have_count(1)
    expect(number).to_have_value("0000011")
    expect(number).to_be_focused()


@pytest.fixture
def unwatched(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """An operator's page. htmx tells the console of each request that a later one took the place
    of, as if it were trouble."""
    session = session_of(browser, stack, "operator")
    context = browser.new_context(base_url=stack.address, storage_state=session, locale="en-GB")
    yield context.new_page()
    context.close()


def test_a_column_that_is_chosen_during_a_look_at_the_rows_stays(
    unwatched: Page, tmp_path: Path
) -> None:
    page = unwatched
    file = tmp_path / "columns.csv"
    file.write_text("номер,a,b\n79261234567,1,2\n", encoding="utf-8")
    page.goto("/clients/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("form[enctype] button.is-primary").click()
    wait_until_settled(page)
    held = Held(page, "**/clients/imports/*/")

    page.locator("[name=column-2-meaning]").select_option("tag")
    page.locator("[name=column-3-meaning]").select_option("")
    held.wait_for(1)
    held.let_go()
    expect(page.locator(OUT)).to_have_count(0)

    expect(page.locator("[name=column-2-meaning]")).to_have_value("tag")
    expect(page.locator("[name=column-3-meaning]")).to_have_value("")
    expect(page.locator("table.sheet tbody tr")).to_have_count(1)
    page.locator("[name=column-1-meaning]").select_option("")
    expect(page.locator("#problem .notice")).to_be_visible()


def test_what_is_typed_while_a_test_is_sent_stays(unwatched: Page) -> None:
    page = unwatched
    page.goto("/mailings/new/")
    page.fill("#id_text", "Hello")
    page.fill("#test-numbers", "79261234567")
    wait_until_settled(page)
    held = Held(page, "**/mailings/new/")

    page.click("#send-test")
    page.locator("#test-numbers").press("End")
    page.keyboard.type("8")
    page.locator("#id_text").press("End")
    page.keyboard.type(" you")
    held.wait_for(1)
    held.let_go()
    expect(page.locator("#test-result .notice")).to_be_visible()
    page.keyboard.press("Space")

    expect(page.locator("#id_text")).to_be_focused()
    expect(page.locator("#id_text")).to_have_value("Hello you ")
    expect(page.locator("#test-numbers")).to_have_value("792612345678")
    assert len(held.routes) == 1  # the space has pressed no button
    since = page.locator("#test-result [data-tested]")
    expect(since).to_be_visible()
    expect(since).to_contain_text("the text has been changed since")
    page.fill("#id_text", "Hello")
    expect(since).to_be_hidden()


def test_who_is_logged_out_goes_on_after_a_login_in_another_tab(unwatched: Page) -> None:
    page = unwatched
    page.goto("/mailings/new/")
    wait_until_settled(page)
    page.context.clear_cookies()
    page.locator("#id_text").press_sequentially("Not")
    expect(page.get_by_role("alert")).to_contain_text("You are logged out")

    tab = page.context.new_page()
    tab.goto("/login/")
    tab.fill("[name=username]", "operator")
    tab.fill("[name=password]", PASSWORD)
    tab.click("main button")
    expect(tab.locator("#content h1")).to_be_visible()
    page.bring_to_front()
    with page.expect_response("**/preview/"):  # which tells it the token of the new login
        page.locator("#id_text").press_sequentially(" lost")
    wait_until_settled(page)
    page.locator("#id_text").press_sequentially("!")
    expect(page.locator("#segment-counter")).to_contain_text("9 characters")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.click("[name=do][value=draft]")

    expect(page.locator("#summary .message-text")).to_have_text("Not lost!")

"""A line that hangs: what was pressed is given up, said in words, and works the second time."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import demo
from tests.browser.conftest import OpenPage, session_of
from tests.browser.held import Held
from tests.browser.settled_page import wait_until_settled
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

#: Milliseconds: a page gives itself 8 s, and every button answers or says so within 10 s of a calm
#: machine.
SAID_WITHIN = 20_000


@pytest.fixture
def unwatched(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """An operator's page. htmx tells the console of each request that it has given up."""
    session = session_of(browser, stack, "operator")
    context = browser.new_context(base_url=stack.address, storage_state=session, locale="en-GB")
    yield context.new_page()
    context.close()


def a_scheduled_one(page: Page, stack: RunningStack) -> int:
    number = demo.mailing(stack, text="Hello", starts_in=7200, filter={"tags": ["nobody"]})
    page.goto(f"/mailings/{number}/")
    wait_until_settled(page)
    return number


def test_a_question_that_hangs_is_given_up_and_offers_its_page(
    unwatched: Page, stack: RunningStack
) -> None:
    page = unwatched
    number = a_scheduled_one(page, stack)
    line = Held(page, "**/cancel/", gives_up=True)

    page.get_by_role("link", name="Cancel", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server has not answered", timeout=SAID_WITHIN)
    assert len(line.routes) == 1
    line.mend()
    alert.get_by_role("link", name="Cancel").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel the mailing for good?")
    assert page.url.endswith(f"/mailings/{number}/cancel/")


def test_a_second_click_on_a_question_that_hangs_asks_it_anew(
    unwatched: Page, stack: RunningStack
) -> None:
    page = unwatched
    a_scheduled_one(page, stack)
    line = Held(page, "**/cancel/", gives_up=True)
    cancel = page.get_by_role("link", name="Cancel", exact=True)

    cancel.click()
    page.wait_for_timeout(1_100)  # a second click, and no double one
    line.mend()
    cancel.evaluate("link => link.click()")  # a mouse of the test waits for what hangs

    expect(page.locator("dialog[open]")).to_contain_text("Cancel the mailing for good?")


def test_an_action_that_hangs_may_be_sent_again(unwatched: Page, stack: RunningStack) -> None:
    page = unwatched
    page.goto(f"/mailings/{a_scheduled_one(page, stack)}/cancel/")
    line, alerts = Held(page, "**/cancel/", gives_up=True), listen_to_alerts(page)
    page.get_by_role("button", name="Cancel the mailing", exact=True).focus()

    page.keyboard.press("Enter")
    line.wait_for(1)
    page.wait_for_timeout(1_100)  # more than a double click takes
    page.keyboard.press("Enter")
    for words in ("It is being sent", "has not answered"):
        wait_until(lambda w=words: page.wait_for_timeout(20) or w in alerts[-1], SAID_WITHIN / 1000)
    assert len(line.routes) == 1
    page.keyboard.press("Enter")
    line.wait_for(2)
    line.let_go()

    expect(page.locator("#mailing-header .badge")).to_have_text("cancelled")


SAY_ALERTS = """() => new MutationObserver(() => {
    console.info(document.querySelector("[role=alert]")?.textContent ?? "");
}).observe(document.body, {childList: true, subtree: true})"""


def listen_to_alerts(page: Page) -> list[str]:
    """What the alert said so far. To ask the page itself would wait for the one that is to come."""
    alerts = [""]
    page.on("console", lambda message: alerts.append(message.text))
    page.evaluate(SAY_ALERTS)
    return alerts


def test_a_builder_that_hangs_lets_go_of_its_form(unwatched: Page) -> None:
    page = unwatched
    page.goto("/mailings/new/")
    wait_until_settled(page)
    line = Held(page, "**/audiences/builder/", gives_up=True)

    page.locator("#add-include").click()
    page.click("[name=do][value=draft]")
    expect(page.get_by_role("alert").first).to_contain_text("Wait a moment")
    expect(page.get_by_role("alert").first).to_contain_text("has not answered", timeout=SAID_WITHIN)
    line.mend()
    page.locator("#add-include").click()

    expect(page.locator("[name=include-0-what]")).to_be_visible()


def test_focus_follows_the_rows_of_attributes(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en")
    page.goto("/clients/add/")
    wait_until_settled(page)

    page.locator("#add-attribute").press("Enter")
    expect(page.locator("[name=attribute-1-name]")).to_be_focused()
    page.keyboard.type("city")
    page.locator("[name=remove][value='0']").press("Enter")

    expect(page.locator("#add-attribute")).to_be_focused()
    expect(page.locator("[name=attribute-1-name]")).to_have_value("city")
    expect(page.locator("[name=attribute-0-name]")).to_have_count(0)


def test_what_is_typed_while_a_row_is_added_stays(unwatched: Page) -> None:
    page = unwatched
    page.goto("/clients/add/")
    wait_until_settled(page)
    line = Held(page, "**/clients/add/")

    page.locator("#add-attribute").click()
    page.fill("[name=attribute-0-name]", "city")
    line.let_go()

    expect(page.locator("[name=attribute-1-name]")).to_be_visible()
    expect(page.locator("[name=attribute-0-name]")).to_have_value("city")


def test_another_theme_takes_what_is_typed_along(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en")
    page.goto("/clients/add/")
    page.fill("#id_phone_number", "8 926 123")
    page.fill("#id_tag", "typed")
    page.locator(".foot [value=dark]").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#id_tag")).to_have_value("typed")
    page.reload()
    expect(page.locator("#id_phone_number")).to_have_value("8 926 123")
    page.locator(".foot [value=system]").click()
    expect(page.locator("#id_tag")).to_have_value("typed")

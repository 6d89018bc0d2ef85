"""Clicks that come twice, too fast or in vain."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, Request, Route, expect

from tests.browser import demo
from tests.browser.conftest import OpenPage, peopled_stack
from tests.browser.held import Held
from tests.browser.settled_page import wait_until_settled
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack
from vestnik import dashboard


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A system of its own."""
    with peopled_stack() as running:
        demo.make_clients(running, 1_000, tag="slow")
        yield running


@pytest.fixture
def mailing(stack: RunningStack) -> int:
    """One that is under way for as long as the test."""
    return demo.mailing(stack, text="Hello", filter={"tags": ["slow"]}, rate_limit=1)


def opened(page: Page, mailing: int) -> Page:
    page.goto(f"/mailings/{mailing}/")
    expect(page.locator("#mailing-header .badge")).to_have_text("running", timeout=30_000)
    return page


def link(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


def test_one_question_is_asked_at_a_time(browser_page: OpenPage, mailing: int) -> None:
    page = opened(browser_page("operator", language="en"), mailing)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    pause = Held(page, "**/pause/", "GET")

    page.clock.set_fixed_time(datetime.now(UTC))  # both are of one moment, however slow the machine
    link(page, "Pause")
    link(page, "Cancel")
    page.wait_for_timeout(500)  # a second answer would have come by now
    pause.let_go()

    expect(page.locator("dialog[open]")).to_contain_text("Pause the mailing?")
    assert not [request for request in asked if request.url.endswith("/cancel/")]
    page.keyboard.press("Escape")
    link(page, "Cancel")
    expect(page.locator("dialog[open]")).to_contain_text("for good?")


@pytest.mark.parametrize("key", ["Control", "Shift"])
def test_a_click_with_a_key_opens_the_page_of_a_question(
    browser_page: OpenPage, mailing: int, key: str
) -> None:
    page = opened(browser_page("operator", language="en"), mailing)

    with page.context.expect_page() as come:
        page.get_by_role("link", name="Pause", exact=True).click(modifiers=[key])

    heading = come.value.get_by_role("heading", level=1)
    expect(heading).to_have_text("Pause the mailing?")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_page_that_is_read_otherwise_in_another_tab_says_so(
    browser_page: OpenPage, mailing: int
) -> None:
    page = opened(browser_page("operator", language="en"), mailing)
    notice = page.get_by_text("was changed in another tab")
    other = page.context.new_page()
    other.goto("/clients/")
    expect(notice).to_have_count(0)

    other.locator(".foot button", has_text="Русский").click()
    expect(other.locator("html")).to_have_attribute("lang", "ru")

    expect(notice).to_be_visible()
    page.get_by_role("link", name="Reload the page").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.get_by_text("в другой вкладке")).to_have_count(0)


def test_a_search_is_one_step_back_however_often_it_was_typed(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en")
    page.goto("/mailings/")
    page.goto("/clients/")
    field = page.locator("#id_q")

    for text, address in (("slow", "q=slow"), ("er", "q=slower")):
        field.press_sequentially(text)
        expect(page).to_have_url(re.compile(rf"/clients/\?.*{address}\b"))
        expect(page.locator(".htmx-request")).to_have_count(0)
    page.go_back()

    expect(page).to_have_url(re.compile(r"/mailings/$"))
    page.go_forward()
    expect(field).to_have_value("slower")


def test_an_action_that_is_given_twice_is_sent_once(browser_page: OpenPage, mailing: int) -> None:
    page = opened(browser_page("operator", language="en"), mailing)
    link(page, "Pause")
    requests = Held(page, "**/pause/", "POST")
    primary = page.locator("dialog[open] button.is-primary")
    primary.click(trial=True)  # once it can be pressed
    button = primary.bounding_box()
    assert button

    for _ in range(2):
        page.mouse.click(button["x"] + 5, button["y"] + 5)
        page.wait_for_timeout(300)  # each is a click of its own, not a double one
    requests.wait_for(1)
    assert len(requests.routes) == 1
    requests.let_go()

    expect(page.locator("#mailing-header .badge")).to_have_text("paused")


def test_a_question_that_fails_leads_to_its_page(browser_page: OpenPage, mailing: int) -> None:
    page = opened(browser_page("operator", language="en", expect={503}), mailing)

    def refuse(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route("**/pause/", refuse)
    link(page, "Pause")

    expect(page.get_by_role("heading", level=1)).to_have_text("Pause the mailing?")


def test_a_search_that_fails_says_so_until_one_works(browser_page: OpenPage, mailing: int) -> None:
    page = opened(browser_page("operator", language="en", expect={503}), mailing)
    page.route("**/*number=7*", lambda route: route.fulfill(status=503))

    page.locator("#id_number").press_sequentially("7")
    expect(page.get_by_role("alert")).to_contain_text("did not work")

    page.locator("#id_number").fill("")
    page.locator("#id_number").press_sequentially("905")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_who_may_no_more_is_told_and_keeps_the_page(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    def become(role: str) -> None:
        stack.sql("UPDATE access_user SET role = %s WHERE username = 'operator'", (role,))

    asks, writes = (browser_page("operator", language="en", expect={403}) for _ in range(2))
    opened(asks, mailing)
    writes.goto("/mailings/new/")
    writes.wait_for_load_state("networkidle")
    become("viewer")
    try:
        writes.locator("#id_text").press_sequentially("Hello")
        expect(writes.get_by_role("alert").first).to_contain_text("Not for your role. Only")
        expect(writes.locator("h1")).to_have_count(1)
        expect(writes.locator("#id_text")).to_have_value("Hello")

        link(asks, "Pause")
        expect(asks.get_by_role("heading", level=1)).to_have_text("Not for your role")
        expect(asks.locator("dialog[open]")).to_have_count(0)
    finally:
        become("operator")


STYLES = Path(dashboard.__file__).with_name("static") / "dashboard" / "vestnik.css"


def longer(route: Route) -> None:
    """The time in which nobody can have read a page, for a machine that is busy."""
    styles = STYLES.read_text()
    assert "unread 700ms" in styles
    route.fulfill(body=styles.replace("unread 700ms", "unread 60s"), content_type="text/css")


#: That time has passed.
READ = "() => { for (const each of document.getAnimations()) each.finish(); }"


def box_of(button: Locator) -> FloatRect:
    """Where the pointer is upon it."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    return box


#: The form, what somebody else makes of it meanwhile, what is written into it, and its button.
RIVALRIES = {
    "audience": ("audiences/", {"name": "Ours", "filter": {}}, "/clients/audiences/{}/", "name"),
    "client": ("clients/", {"phone_number": "79165550077"}, "/clients/{}/edit/", "tag"),
    "mailing": ("mailings/", None, "/mailings/{}/change/", "name"),
    "mailing that waits": ("mailings/", None, "/mailings/{}/edit/", "name"),
}


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("kind", RIVALRIES)
def test_a_double_click_saves_nothing_over_what_another_has_made(
    browser_page: OpenPage, stack: RunningStack, mailing: int, kind: str, javascript: bool
) -> None:
    address, body, path, field = RIVALRIES[kind]
    if kind == "mailing that waits":
        waits = {"text": "Hello", "filter": {"tags": ["slow"]}, "starts_in": 3_600}
        number = demo.mailing(stack, **waits)
    else:
        number = mailing if body is None else stack.api("POST", address, body).body["id"]
    page = browser_page("operator", language="en", javascript=javascript, expect={422})
    page.route("**/vestnik*.css", longer)
    page.goto(path.format(number))
    page.locator(f"main form [name={field}]").fill("Mine")
    assert stack.api("PATCH", f"{address}{number}/", {field: "Theirs"}).status == 200
    wait_until_settled(page)
    save = page.locator("main form button.is-primary").last
    box = box_of(save)

    for count in (1, 2):
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down(click_count=count)
        page.mouse.up(click_count=count)
        if count == 1:
            expect(page.locator("main")).to_contain_text("has changed this in the meantime")
            box = box_of(save)  # wherever it is by then

    page.wait_for_timeout(300)  # what was pressed has had its way by then
    assert stack.api("GET", f"{address}{number}/").body[field] == "Theirs"

    page.evaluate(READ)
    save.click()
    wait_until(lambda: stack.api("GET", f"{address}{number}/").body[field] == "Mine", 30)
    if kind in ("audience", "client"):
        stack.api("DELETE", f"{address}{number}/")

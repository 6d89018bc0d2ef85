"""Clicks that come twice, too fast or in vain."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.browser import demo
from tests.browser.conftest import OpenPage, peopled_stack
from tests.stack.running import RunningStack


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
    expect(page.locator("#head .badge")).to_have_text("running", timeout=30_000)
    return page


def link(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


class Held:
    """Requests to an address that wait until they are let go."""

    def __init__(self, page: Page, address: str, method: str) -> None:
        self.routes: list[Route] = []
        self.method = method
        page.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == self.method:
            self.routes.append(route)
        else:
            route.continue_()

    def let_go(self) -> None:
        for route in self.routes:
            route.continue_()


def test_one_question_is_asked_at_a_time(browser_page: OpenPage, mailing: int) -> None:
    page = opened(browser_page("operator", language="en"), mailing)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    pause = Held(page, "**/pause/", "GET")

    link(page, "Pause")
    link(page, "Cancel")
    page.wait_for_timeout(500)  # a second answer would have come by now
    pause.let_go()

    expect(page.locator("dialog[open]")).to_contain_text("Pause the mailing?")
    assert not [request for request in asked if request.url.endswith("/cancel/")]
    page.keyboard.press("Escape")
    link(page, "Cancel")
    expect(page.locator("dialog[open]")).to_contain_text("for good?")


def test_an_order_that_is_given_twice_is_sent_once(browser_page: OpenPage, mailing: int) -> None:
    page = opened(browser_page("operator", language="en"), mailing)
    link(page, "Pause")
    orders = Held(page, "**/pause/", "POST")
    button = page.locator("dialog[open] button.is-primary").bounding_box()
    assert button

    for _ in range(2):
        page.mouse.click(button["x"] + 5, button["y"] + 5)
        page.wait_for_timeout(300)  # each is a click of its own, not a double one
    assert len(orders.routes) == 1
    orders.let_go()

    expect(page.locator("#head .badge")).to_have_text("paused")


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

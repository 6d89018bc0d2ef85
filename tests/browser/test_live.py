"""Pages that move in a browser: in place, by asking where no stream comes, and stale when stale."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import demo
from tests.browser.conftest import OpenPage, peopled_stack
from tests.pipeline.mailings import command, read
from tests.stack.running import RunningStack
from tests.stack.servers import wait_until

CLIENTS = 2_000
EVENTS = "text/event-stream"


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A system of its own."""
    with peopled_stack() as running:
        yield running


@pytest.fixture(scope="module")
def mailing(stack: RunningStack) -> Iterator[int]:
    """One that runs for minutes."""
    demo.make_clients(stack, CLIENTS, tag="live")
    theirs = {"tags": ["live"]}
    made = demo.mailing(stack, name="Moving", text="Hello", filter=theirs, rate_limit=15)
    wait_until(lambda: read(stack, made)["progress"]["sent"] > 0, seconds=20)
    yield made
    command(stack, made, "cancel")


def sent(page: Page) -> float:
    """The width of what is sent in the bar, in per cent."""
    width = page.locator(".bar .fill.is-sent").first.get_attribute("width") or "0"
    return float(width.rstrip("%"))


def watch(page: Page, values: int = 3) -> None:
    """Until the bar was seen at so many different values."""
    seen: set[float] = set()
    for _ in range(300):
        seen.add(sent(page))
        if len(seen) >= values:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the bar stood still: {seen}")


def refuse_streams(page: Page, status: int) -> None:
    """No stream is to be had, whatever else is."""

    def handle(route: Route) -> None:
        if route.request.headers.get("accept") == EVENTS:
            route.fulfill(status=status)
        else:
            route.continue_()

    page.route("**/live/**", handle)


def test_the_overview_moves_in_place(browser_page: OpenPage, mailing: int) -> None:
    page = browser_page("operator", language="en")
    page.goto("/")
    table = page.locator("details", has_text="The same as a table")
    table.locator("summary").click()
    link = page.get_by_role("link", name="Moving").first
    link.focus()
    page.evaluate("document.querySelector('.entries .bar').marked = true")

    watch(page)

    assert page.evaluate("document.querySelector('.entries .bar').marked")
    expect(link).to_be_focused()
    expect(table).to_have_attribute("open", "")
    expect(page.locator(".plot canvas")).to_have_count(1)


def test_what_somebody_else_does_shows_without_a_reload(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    page = browser_page("viewer", language="en")
    page.goto(f"/mailings/{mailing}/")
    page.evaluate("window.loadedOnce = true")
    expect(page.locator("#head .badge")).to_have_text("running")

    command(stack, mailing, "pause")
    expect(page.locator("#head .badge")).to_have_text("paused")
    expect(page.get_by_role("status").filter(has_text="paused, ")).to_have_count(1)

    command(stack, mailing, "resume")
    expect(page.locator("#head .badge")).to_have_text("running")
    assert page.evaluate("window.loadedOnce")


def test_where_no_stream_comes_the_page_asks(browser_page: OpenPage, mailing: int) -> None:
    page = browser_page("operator", expect={503})
    refuse_streams(page, 503)
    page.goto(f"/mailings/{mailing}/")

    watch(page)
    expect(page.locator(".stale")).to_be_empty()


def test_a_page_that_could_not_show_its_start_tries_again(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    page = browser_page("operator", language="en", expect={503})
    # To nobody, so its state changes once and then never again.
    empty = demo.mailing(stack, text="Hello", filter={"tags": ["nobody"]}, starts_in=5)
    page.goto(f"/mailings/{empty}/")
    expect(page.locator("#head .badge")).to_have_text("scheduled")
    refused: list[Route] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route)
            route.fulfill(status=503)

    page.route(f"**/mailings/{empty}/", refuse_once)

    expect(page.locator("#head .badge")).to_have_text("finished", timeout=20_000)
    assert refused


def test_a_page_that_hears_nothing_says_from_when_it_is(
    browser_page: OpenPage, mailing: int
) -> None:
    page = browser_page("operator", language="en")
    page.route("**/live/**", lambda route: route.fulfill(status=204))
    page.goto(f"/mailings/{mailing}/")
    note = page.get_by_role("status").filter(has_text="these numbers are from")
    expect(note).to_be_visible(timeout=25_000)

    page.unroute("**/live/**")
    watch(page)
    expect(note).to_have_count(0)

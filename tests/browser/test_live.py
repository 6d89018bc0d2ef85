"""Pages that move in a browser: in place, by asking where no stream comes, and stale when stale."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import demo
from tests.browser.conftest import OpenPage, peopled_stack
from tests.pipeline.mailings import command
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

CLIENTS = 5_000
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
    made = demo.mailing(stack, name="Moving", text="Hello", filter=theirs, rate_limit=5)
    drawn = "SELECT 1 FROM reports_sample WHERE mailing_id = %s AND sent > 0"
    wait_until(lambda: stack.sql(drawn, (made,)), seconds=30)
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


def listen_alone(page: Page) -> None:
    """By a stream of its own, as where pages cannot share one: a test sees what a page asks, and
    not what a worker does."""
    page.add_init_script("delete window.SharedWorker")


def refuse_streams(page: Page, status: int) -> None:
    """No stream is to be had, whatever else is."""
    listen_alone(page)

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
    expect(page.locator("#mailing-header .badge")).to_have_text("running")

    command(stack, mailing, "pause")
    expect(page.locator("#mailing-header .badge")).to_have_text("paused")
    expect(page.get_by_role("status").filter(has_text="paused, ")).to_have_count(1)

    command(stack, mailing, "resume")
    expect(page.locator("#mailing-header .badge")).to_have_text("running")
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
    empty = demo.mailing(stack, text="Hello", filter={"tags": ["nobody"]}, starts_in=3600)
    page.goto(f"/mailings/{empty}/")
    expect(page.locator("#mailing-header .badge")).to_have_text("scheduled")
    refused: list[Route] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route)
            route.fulfill(status=503)

    page.route(f"**/mailings/{empty}/", refuse_once)
    at_once = {"starts_at": datetime.now(UTC).isoformat()}
    assert stack.api("PATCH", f"mailings/{empty}/", at_once).status == 200

    expect(page.locator("#mailing-header .badge")).to_have_text(
        "finished, no recipients", timeout=20_000
    )
    assert refused


def test_a_page_that_hears_nothing_says_from_when_it_is(
    browser_page: OpenPage, mailing: int
) -> None:
    page = browser_page("operator", language="en")
    listen_alone(page)
    page.route("**/live/**", lambda route: route.fulfill(status=204))
    page.goto(f"/mailings/{mailing}/")
    note = page.get_by_role("status").filter(has_text="these numbers are from")
    expect(note).to_be_visible(timeout=25_000)

    page.unroute("**/live/**")
    watch(page)
    expect(note).to_have_count(0)


def test_marked_text_waits_says_since_when_and_holds_back_nothing_else(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    page, other = browser_page("operator", language="en"), browser_page("viewer", language="en")
    for each in (page, other):
        each.goto(f"/mailings/{mailing}/")
        watch(each)
    page.locator(".progress-count strong").select_text()

    command(stack, mailing, "pause")
    expect(other.locator("#mailing-header .badge")).to_have_text("paused")
    marked = page.evaluate("String(getSelection())")
    expect(page.locator("#mailing-header .badge")).to_have_text("paused")
    expect(page.get_by_role("link", name="Resume")).to_be_visible()
    command(stack, mailing, "resume")
    held = page.get_by_role("status").filter(has_text="Text is selected: what is under it is from")
    expect(held).to_be_visible()
    assert page.evaluate("String(getSelection())") == marked
    page.evaluate("getSelection().removeAllRanges()")

    expect(held).to_be_hidden()
    watch(page)


def test_what_could_not_fetch_itself_tries_again(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    page = browser_page("operator", language="en", expect={503})
    page.goto(f"/mailings/{mailing}/")
    watch(page)
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        part = route.request.headers.get("hx-target", "")
        if not part or part in refused:
            route.continue_()
        else:
            refused.append(part)
            route.fulfill(status=503)

    page.route(f"**/mailings/{mailing}/", refuse_once)
    command(stack, mailing, "pause")

    expect(page.locator("#mailing-header .badge")).to_have_text("paused", timeout=20_000)
    assert "mailing-header" in refused
    expect(page.get_by_role("alert")).to_have_count(0)  # nobody has done anything
    page.unroute("**")
    command(stack, mailing, "resume")


def test_what_stays_in_a_list_is_the_same_when_others_leave(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    theirs = {"tags": ["live"]}
    above = demo.mailing(
        stack, name="Above", text="x", filter=theirs, rate_limit=1, ends_at=ends_at
    )
    page = browser_page("operator", language="en")
    page.goto("/")
    expect(page.locator(".entries li").first).to_contain_text("Above")
    link = page.locator(f"#running-{mailing} a")
    link.focus()
    link.evaluate("link => link.marked = true")

    command(stack, above, "cancel")

    expect(page.locator(f"#running-{above}")).to_have_count(0)
    expect(link).to_be_focused()
    assert link.evaluate("link => link.marked")
    expect(link).to_have_attribute("href", f"/mailings/{mailing}/")


CLICK_AS_SOON_AS_IT_IS_THERE = """() => new MutationObserver((_, observer) => {
    const resume = document.getElementById("resume-mailing");
    if (resume) { observer.disconnect(); resume.click(); }
}).observe(document.body, { childList: true, subtree: true })"""


def test_a_button_that_has_just_come_opens_its_question(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    page = browser_page("operator", language="en")
    page.goto(f"/mailings/{mailing}/")
    watch(page)
    page.evaluate(CLICK_AS_SOON_AS_IT_IS_THERE)

    command(stack, mailing, "pause")

    expect(page.locator("dialog[open]")).to_contain_text("Resume")
    command(stack, mailing, "resume")


def test_while_the_stream_comes_nothing_is_asked(browser_page: OpenPage, mailing: int) -> None:
    page = browser_page("operator")
    listen_alone(page)
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("accept", "")))
    page.goto(f"/mailings/{mailing}/")
    watch(page)

    page.clock.fast_forward(11_000)  # all that came is now older than a beat
    page.wait_for_timeout(500)

    assert EVENTS in asked
    assert "application/json" not in asked


def test_what_was_before_what_is_shown_is_not(browser_page: OpenPage, mailing: int) -> None:
    page = browser_page("operator", expect={503})
    refuse_streams(page, 503)
    page.goto(f"/mailings/{mailing}/")
    watch(page)
    old = {"now": 1, "html": "<p>Long ago</p>", "state": "draft", "told": ""}
    answers: list[Route] = []

    def answer(route: Route) -> None:
        if route.request.headers.get("accept") == "text/event-stream":
            return route.fallback()  # refused
        answers.append(route)
        key = f"mailing:{mailing},ru,Europe/Moscow"
        words = {"words": [{"on": key, "revision": "", "slots": {}, **old}]}
        return route.fulfill(body=json.dumps(words), content_type="application/json")

    page.route("**/live/**", answer)
    for _ in range(100):
        page.wait_for_timeout(100)
        if answers:
            break
    page.wait_for_timeout(200)

    assert answers
    expect(page.locator("[data-live]")).not_to_contain_text("Long ago")


def test_going_back_keeps_the_voice(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    page = browser_page("operator", language="en")
    page.goto(f"/mailings/{mailing}/")
    page.locator("#id_state").select_option("failed")
    page.wait_for_url("**state=failed**")

    page.go_back()
    expect(page.locator("#id_state")).to_have_value("")

    watch(page)
    expect(page.locator("p.unseen[role=status]")).to_have_count(1)


WANT = """async ([address, keys]) => {
    const script = document.getElementById("live-stream").src;
    window.told = new Map();
    const connection = new window.LiveConnection(script, address, ({ on, update, isPolled }) => {
        if (update && keys.includes(on)) window.told.set(on, Boolean(isPolled));
    });
    connection.want(new Map(keys.map((key) => [key, 0])));
}"""


def test_more_windows_than_a_stream_tells_of_ask_for_themselves_and_say_so(
    browser_page: OpenPage, stack: RunningStack, mailing: int
) -> None:
    page = browser_page("operator", language="en")
    listen_alone(page)
    page.goto(f"/mailings/{mailing}/")
    later = {"text": "Hello", "filter": {"tags": ["none"]}, "starts_in": 7_200}
    drafts = [demo.mailing(stack, draft=True, **later) for _ in range(34)]
    keys = [f"mailing:{number},en,Europe/Moscow" for number in drafts]

    page.evaluate(WANT, ["/live/", keys])
    wait_until(lambda: page.evaluate("told.size") == len(keys), 30)

    told = page.evaluate("keys => keys.map((key) => told.get(key))", keys)
    assert told == [False] * 32 + [True] * 2


def test_a_page_beyond_the_stream_says_that_it_is_slow(
    browser_page: OpenPage, mailing: int
) -> None:
    page = browser_page("operator", language="en")
    listen_alone(page)
    page.route("**/live-stream*.js", few)
    page.goto(f"/mailings/{mailing}/")

    expect(page.locator(".is-polled")).to_contain_text("Many windows are open", timeout=30_000)
    watch(page)


FEW = (
    ("this.wanted.size > MOST", "true"),
    (".slice(0, MOST)", ".slice(0, 0)"),
    (".slice(MOST)", ".slice(0)"),
)


def few(route: Route) -> None:
    """As if a stream told of nothing more."""
    script = route.fetch().text()
    for part, instead in FEW:
        assert part in script
        script = script.replace(part, instead)
    route.fulfill(body=script, content_type="text/javascript")

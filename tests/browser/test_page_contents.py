"""Pages that are looked at while the network and the server fail and somebody else changes all:
each shows what the API says, or says how old it is, within 15 seconds; and every button answers."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import peopled_stack, session_of
from tests.browser.page_contents import HELD, STATES, Scene, lies, read
from tests.browser.proxy import Proxy
from tests.browser.stalls import Stopwatch
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

#: More than a browser opens connections to a host.
WINDOWS = (*STATES, "import", "overview")
WITHIN = 15.0
#: For the whole truth, where nothing is broken any more: also on a busy machine.
TIMEOUT = 60.0
ANSWERED_WITHIN = 10.0

Windows = dict[str, Page]


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    with peopled_stack() as running:
        yield running


@pytest.fixture(scope="module")
def scene(stack: RunningStack) -> Iterator[Scene]:
    made = Scene(stack)
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxy(stack: RunningStack) -> Iterator[Proxy]:
    with Proxy(stack.port) as running:
        yield running


@pytest.fixture(scope="module")
def windows(browser: Browser, stack: RunningStack, proxy: Proxy, scene: Scene) -> Iterator[Windows]:
    """All side by side, in one browser, of one operator."""
    context = browser.new_context(
        base_url=proxy.address,
        storage_state=session_of(browser, stack, "operator"),
        locale="en-GB",
        timezone_id="Asia/Vladivostok",
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT * 1_000)
    pages = {name: context.new_page() for name in WINDOWS}
    for name, page in pages.items():
        page.goto(scene.path(name))
    yield pages
    context.close()


def compare(scene: Scene, windows: Windows, *, or_old: bool, or_noted: str = "") -> None:
    """Until each page shows the truth, or, where that is enough, says how old it is, or why."""
    wrong: list[str] = []
    seconds, watch = WITHIN if or_old else TIMEOUT, Stopwatch()
    while watch.look() < seconds:
        wrong, said = [], scene.look()
        for name, page in windows.items():
            watch.look()
            seen = read(page)
            if or_old and seen["notes"]:
                continue
            if or_noted and any(or_noted in note for note in seen["notes"]):
                continue
            wrong += lies(said, name, seen)
        if not wrong:
            return
        next(iter(windows.values())).wait_for_timeout(200)
    raise AssertionError("\n".join(one[:400] for one in wrong[:20]))


def reborn(stack: RunningStack) -> None:
    """The web server is killed, and comes back."""
    stack.wait_reborn("web", stack.kill("web"), 30)
    wait_until(lambda: answers(stack), 60)


def answers(stack: RunningStack) -> bool:
    with suppress(OSError):
        return stack.api("GET", "mailings/?page_size=1").status == 200
    return False


FAULTS: dict[str, Callable[[Proxy, RunningStack], object]] = {
    "nothing": lambda proxy, stack: None,
    "reset": lambda proxy, stack: proxy.drop(),
    "slow": lambda proxy, stack: proxy.slow(0.7),
    "silent": lambda proxy, stack: proxy.bury(),
    "frozen": lambda proxy, stack: proxy.freeze(),
    "restarted": lambda proxy, stack: reborn(stack),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_page_shows_what_is_so_or_how_old_it_is(
    stack: RunningStack, proxy: Proxy, scene: Scene, windows: Windows, fault: str
) -> None:
    proxy.heal()
    compare(scene, windows, or_old=False)
    FAULTS[fault](proxy, stack)

    scene.change()

    compare(scene, windows, or_old=True)
    proxy.heal()
    compare(scene, windows, or_old=False)


def test_all_windows_have_one_stream(proxy: Proxy, scene: Scene, windows: Windows) -> None:
    """Else six of them would take all connections that a browser opens."""
    proxy.heal()
    proxy.drop()
    scene.change()
    compare(scene, windows, or_old=False)

    for page in windows.values():
        assert page.evaluate("fetch('/livez').then((answer) => answer.status)") == 200
    assert proxy.open <= 6


MARK = """(selector) => {
    const element = document.querySelector(selector);
    getSelection().selectAllChildren(element);
}"""
MARKED = {
    "running": ".progress-count",
    "paused": "#message-rows table",
    "scheduled": "#waiting p",
    "draft": "#summary .message-text",
    "unknown": "#unknown p",
    "overview": "#content",
}


def test_marked_text_and_open_menus_hold_back_nothing_else(scene: Scene, windows: Windows) -> None:
    compare(scene, windows, or_old=False)
    menu = windows["cancelled"]
    for name, selector in MARKED.items():
        windows[name].evaluate(MARK, selector)
    marked = {name: page.evaluate("String(getSelection())") for name, page in windows.items()}
    windows["running"].locator("details.menu summary").click()
    windows["running"].evaluate(MARK, ".progress-count")

    scene.change()

    said = scene.look()
    for name in ("running", "paused", "scheduled", "draft", "unknown"):
        head = windows[name].locator("#mailing-header")
        expect(head.locator("h1")).to_have_text(said[name]["name"], timeout=TIMEOUT * 1_000)
        badge = head.locator("#mailing-state")
        expect(badge).to_contain_text(said[name]["state"], timeout=TIMEOUT * 1_000)
    compare(scene, {name: windows[name] for name in MARKED}, or_old=False, or_noted=HELD)
    assert marked["running"] == windows["running"].evaluate("String(getSelection())")
    assert windows["running"].locator("details.menu").get_attribute("open") is not None

    for page in windows.values():
        page.evaluate("getSelection().removeAllRanges()")
    compare(scene, windows, or_old=False)
    assert not any(read(page)["notes"] for page in windows.values())
    menu.keyboard.press("Escape")


@pytest.mark.parametrize("fault", ["nothing", "silent", "frozen"])
def test_every_button_answers_or_says_that_it_cannot(
    stack: RunningStack, proxy: Proxy, scene: Scene, windows: Windows, fault: str
) -> None:
    proxy.heal()
    compare(scene, windows, or_old=False)
    FAULTS[fault](proxy, stack)
    page = windows["running"]
    asks = page.locator("#mailing-header .actions a[hx-get]").first

    asks.click(no_wait_after=True)

    answered = "document.querySelector('dialog[open]') || document.querySelector('[role=alert]')"
    try:
        watch = Stopwatch()
        while not page.evaluate(f"Boolean({answered})"):
            assert watch.look() < ANSWERED_WITHIN
            page.wait_for_timeout(20)
    finally:
        proxy.heal()
        proxy.drop()  # Chromium would load the page over a silent connection, and wait for ever
        page.goto(scene.path("running"))


def test_the_age_is_said_by_the_pages_clock(proxy: Proxy, scene: Scene, windows: Windows) -> None:
    proxy.heal()
    compare(scene, windows, or_old=False)
    proxy.freeze()
    page = windows["paused"]
    age = page.locator(".stale time").first

    expect(age).to_be_visible(timeout=20_000)
    proxy.heal()

    zone = page.evaluate("document.documentElement.dataset.zone")
    local = page.evaluate(
        "([at, timeZone]) => new Date(at).toLocaleTimeString('en', { timeZone, hourCycle: 'h23' })",
        [age.get_attribute("datetime"), zone],
    )
    assert zone == "Europe/Moscow"
    assert age.inner_text() == local

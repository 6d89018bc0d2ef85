"""The harness itself: what it must see, it sees."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessible import assert_accessible, assert_fits, violations
from tests.browser.conftest import OpenPage
from tests.browser.people import ROLES
from tests.browser.post_proxy import PostProxy
from tests.browser.watch import Watch
from tests.stack.embedded_servers import wait_until
from tests.stack.memory import descendants
from tests.stack.running import RunningStack


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_logged_in(browser_page: OpenPage, role: str) -> None:
    page = browser_page(role)

    page.goto("/account/")

    expect(page.locator(".me")).to_contain_text(role)


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_the_login_is_accessible(
    browser_page: OpenPage, language: str, theme: str, width: int
) -> None:
    page = browser_page(None, language=language, theme=theme, width=width)

    page.goto("/login/")

    expect(page.locator("html")).to_have_attribute("lang", language)
    assert_accessible(page)
    assert_fits(page)


def test_axe_sees_what_is_wrong(browser_page: OpenPage) -> None:
    page = browser_page(None)
    page.goto("/login/")

    page.evaluate("document.querySelector('label').remove()")

    assert any(found.startswith("label:") for found in violations(page))


SCRIPT = """() => {
    const put = (name, more) => document.body.append(
        Object.assign(document.createElement(name), more));
    put("script", {textContent: "document.title = 'stolen'"});
    put("img", {src: "https://example.com/x.png"});
    setTimeout(() => { throw new Error("broken"); });
    console.error("said");
}"""


TROUBLES = ("answered 404", "inline script", "https://example.com", "broken", "said")


def missing(watch: Watch) -> list[str]:
    """The troubles that it has not seen yet."""
    return [one for one in TROUBLES if not any(one in seen for seen in watch.troubles)]


def test_every_trouble_is_seen(browser: Browser, stack: RunningStack) -> None:
    context = browser.new_context(base_url=stack.address)
    watch = Watch(context, stack.address)
    page = context.new_page()

    page.goto("/no-such-page/")
    page.goto("/login/")
    page.evaluate(SCRIPT)
    with suppress(TimeoutError):  # what is missing is told below
        wait_until(lambda: page.wait_for_timeout(20) or not missing(watch), seconds=30)
    title = page.title()
    context.close()

    assert "stolen" not in title
    assert not missing(watch), watch.troubles


def test_a_post_that_is_given_up_is_waited_for() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        PostProxy(server.getsockname()[1]) as proxy,
    ):
        with socket.create_connection(("127.0.0.1", proxy.port)) as browser:
            browser.sendall(b"POST / HTTP/1.1\r\n\r\n")
        stack, _ = server.accept()
        assert stack.recv(100).startswith(b"POST")
        assert not proxy.is_idle

        stack.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        wait_until(lambda: proxy.is_idle, seconds=10)
        stack.close()


def test_chromium_disables_what_playwright_does(browser: Browser) -> None:
    """Of several lists Chromium takes the last one, which is ours."""
    started = [Path(f"/proc/{pid}/cmdline") for pid in descendants(os.getpid())]
    lists = next(filter(None, map(disabled, started)))

    assert len(lists) == 2
    assert set(lists[0]) <= set(lists[1])


def disabled(command: Path) -> list[list[str]]:
    """The lists of disabled features on the command line of Chromium itself."""
    with suppress(OSError):
        words = command.read_text().split("\0")
        if "--remote-debugging-pipe" in words:
            return [
                word.partition("=")[2].split(",")
                for word in words
                if word.startswith("--disable-features=")
            ]
    return []

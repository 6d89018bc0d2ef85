"""One stack and one Chromium for all browser tests; a fresh context, watched, for each page.

def test_a_viewer_cannot_send(browser_page):
    page = browser_page("viewer", language="en", theme="dark", width=375)
    page.goto("/mailings/")                        # relative to the stack
    expect(page.get_by_role("heading", name="Mailings")).to_be_visible()
    assert_accessible(page)

The test fails at its end if any of its pages had trouble: see `Watch`. An answer of 400 or more
that belongs to the test is named: browser_page("operator", expect={409}).
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, StorageState
from playwright.sync_api import expect as expect_page

from tests.browser import chromium, people
from tests.browser.watch import Watch
from tests.stack.running import RunningStack

LOCALES = {"ru": "ru-RU", "en": "en-GB"}
#: Milliseconds for an action, and for what must appear: that is within what the pages promise.
PATIENCE = 30_000
APPEARS_WITHIN = 15_000
expect_page.set_options(timeout=APPEARS_WITHIN)

#: Opens a page: of a role, of a user (by name), or of nobody.
OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. Not for the whole session: see `chromium.running`."""
    with chromium.running() as running:
        yield running


@pytest.fixture(scope="package")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A stack with a user of each role, named as the role is."""
    with peopled_stack() as running:
        yield running


@contextmanager
def peopled_stack(**environ: str) -> Iterator[RunningStack]:
    """For a module that wants an empty one of its own: override `stack`."""
    environ = {"SMS_PROVIDER_QUIET_BACKEND": "null", **environ}
    with RunningStack(workers=1, environ=environ) as running:
        people.make_users(running, *((role, role) for role in people.ROLES))
        yield running


#: By the stack's address and the user's name: who logs in once stays logged in.
SESSIONS: dict[tuple[str, str], StorageState] = {}


def session_of(browser: Browser, stack: RunningStack, user: str) -> StorageState:
    """The session of a user, logged in once for all tests."""
    wanted = (stack.address, user)
    if wanted not in SESSIONS:
        SESSIONS[wanted] = people.log_in(browser, stack, user)
    return SESSIONS[wanted]


@pytest.fixture
def browser_page(browser: Browser, stack: RunningStack) -> Iterator[OpenPage]:
    """Opens pages; the test fails at its end on any trouble in one of them."""
    opened: list[tuple[Page, Watch]] = []

    def open_page(
        user: str | None = "operator",
        *,
        language: str = "ru",
        theme: str = "light",
        width: int = 1440,
        height: int = 900,
        expect: Collection[int] = (),
        javascript: bool = True,
    ) -> Page:
        context = browser.new_context(
            base_url=stack.address,
            storage_state=session_of(browser, stack, user) if user else None,
            locale=LOCALES[language],
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": height},
            timezone_id="Europe/Moscow",
            reduced_motion="reduce",
            java_script_enabled=javascript,
        )
        context.set_default_timeout(PATIENCE)
        watch = Watch(context, stack.address, expect)
        page = context.new_page()
        opened.append((page, watch))
        return page

    yield open_page
    troubles = [trouble for _, watch in opened for trouble in watch.troubles]
    for page, _ in opened:
        page.context.close()
    assert not troubles, "\n".join(troubles)

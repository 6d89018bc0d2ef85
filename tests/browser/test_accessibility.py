"""Every page, with real data, in both languages, themes and widths: axe finds nothing, and nothing
has to be scrolled to the side."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import demo
from tests.browser.accessible import too_wide, violations
from tests.browser.conftest import OpenPage, peopled_stack
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

#: Each combination of two is there; all eight would say no more, and take twice as long.
LOOKS = [
    ("ru", "light", 1440),
    ("ru", "dark", 375),
    ("en", "dark", 1440),
    ("en", "light", 375),
]
#: By the width at which a page was loaded: the width at which it is measured, too. What fits is
#: decided by the styles alone, so a page need not be loaded anew for that.
NARROWER = {1440: 768, 375: 320}
#: Seconds in which a chart takes the width of its window.
SETTLES = 5.0
PAGES = [
    "/",
    "/mailings/",
    "/mailings/?state=finished",
    "/mailings/new/",
    "/mailings/{running}/",
    "/mailings/{running}/pause/",
    "/mailings/{running}/cancel/",
    "/mailings/{running}/change/",
    "/mailings/{finished}/",
    "/mailings/{finished}/report/",
    "/mailings/{finished}/breakdown/",
    "/mailings/{finished}/again/",
    "/mailings/{finished}/copy/",
    "/mailings/{scheduled}/",
    "/mailings/{scheduled}/edit/",
    "/clients/",
    "/clients/?q=9000000001",
    "/clients/?columns=1&column=city",
    "/clients/bulk/?does=tag&all=1",
    "/clients/bulk/?does=delete&all=1",
    "/clients/add/",
    "/clients/{client}/",
    "/clients/{client}/edit/",
    "/clients/{client}/stop/",
    "/clients/{client}/erase/",
    "/clients/import/",
    "/clients/imports/{imported}/",
    "/clients/audiences/",
    "/clients/audiences/new/",
    "/clients/audiences/{audience}/",
    "/clients/audiences/{audience}/delete/",
    "/stop-list/",
    "/settings/",
    "/settings/providers/console/test/",
    "/settings/stop-words/?text=стоп",
    "/settings/users/",
    "/settings/users/add/",
    "/settings/users/{user}/",
    "/settings/keys/",
    "/settings/keys/{key}/revoke/",
    "/account/",
]
EMPTY = ["/", "/mailings/", "/clients/", "/clients/import/", "/clients/audiences/", "/stop-list/"]


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """Empty at first: the pages of an empty system come first."""
    with peopled_stack() as running:
        yield running


@pytest.fixture(scope="module")
def ids(browser: Browser, stack: RunningStack) -> dict[str, Any]:
    """A little of everything, with a mailing that still runs when the last page is looked at."""
    return demo.fill(browser, stack, 900, lasts=900)


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_an_empty_system(browser_page: OpenPage, language: str, theme: str, width: int) -> None:
    page = browser_page("admin", language=language, theme=theme, width=width)

    assert not wrong_with(page, EMPTY)


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_a_system_that_is_used(
    browser_page: OpenPage, ids: dict[str, Any], language: str, theme: str, width: int
) -> None:
    page = browser_page("admin", language=language, theme=theme, width=width)
    narrower = NARROWER[width] if language == "ru" else None

    assert not wrong_with(page, [address.format(**ids) for address in PAGES], narrower)


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
def test_whoever_is_not_logged_in(
    browser_page: OpenPage, language: str, theme: str, width: int
) -> None:
    page = browser_page(None, language=language, theme=theme, width=width, expect={404})

    assert not wrong_with(page, ["/login/", "/no-such-page/"])


HEIGHTS = """() => [...document.querySelectorAll(".svg-chart text")]
    .map((label) => label.getBoundingClientRect().height).filter((height) => height > 0)"""


@pytest.mark.parametrize("width", [320, 375, 1440])
def test_labels_of_the_report_can_be_read(
    browser_page: OpenPage, ids: dict[str, Any], width: int
) -> None:
    page = browser_page("viewer", width=width)
    page.goto(f"/mailings/{ids['finished']}/report/")

    heights = page.evaluate(HEIGHTS)

    assert len(heights) >= 3  # how many there are depends on how long it took
    assert min(heights) > 9  # pixels; on a phone they were 6


def test_a_chart_of_a_moment_names_each_second_once(
    browser_page: OpenPage, ids: dict[str, Any]
) -> None:
    """The labels of so short a curve are closer than a clock's unit."""
    page = browser_page("viewer", language="en")
    page.goto(f"/mailings/{ids['finished']}/")
    page.locator(".svg-chart").first.wait_for()

    written = page.evaluate("""[...document.querySelectorAll(".svg-chart svg")]
        .map((chart) => [...chart.querySelectorAll("text")].map((text) => text.textContent))""")

    clocks = [[text for text in texts if ":" in text] for texts in written]
    assert any(clocks)
    assert all(len(set(some)) == len(some) for some in clocks), clocks


def test_in_high_contrast_the_colours_of_states_stay_apart(
    browser_page: OpenPage, ids: dict[str, Any]
) -> None:
    page = browser_page("admin")
    page.emulate_media(forced_colors="active")
    page.goto(f"/mailings/{ids['finished']}/")

    colours = page.evaluate("""[...document.querySelectorAll(".counts .swatch")]
        .map((swatch) => getComputedStyle(swatch).backgroundColor)""")
    edges = page.evaluate("""[...document.querySelectorAll(".bar, .counts .swatch")]
        .map((part) => getComputedStyle(part).borderTopWidth)""")

    assert len(set(colours)) == len(colours) > 8
    assert set(edges) == {"1px"}


def wrong_with(page: Page, addresses: list[str], narrower: int | None = None) -> list[str]:
    """All that is wrong with all of the pages: one run tells everything."""
    found = []
    for address in addresses:
        found += [f"{address}: {wrong}" for wrong in look_at(page, address)]
        if narrower and (extra := too_wide_at(page, narrower)) > 0:
            found.append(f"{address}: {extra} px too wide in a window of {narrower} px")
    return found


def too_wide_at(page: Page, width: int) -> int:
    """By how many pixels the page is wider than a window of that width; the next page has a window
    as before."""
    before = page.viewport_size
    assert before
    page.set_viewport_size({"width": width, "height": before["height"]})
    with suppress(TimeoutError):
        wait_until(lambda: too_wide(page) <= 0, SETTLES)
    assert page.evaluate("innerWidth") == width
    extra = too_wide(page)
    page.set_viewport_size(before)
    return extra


def look_at(page: Page, address: str) -> Iterator[str]:
    answered = page.goto(address)
    assert answered
    if answered.status not in (200, 404):
        yield f"answered {answered.status}"
    if (headings := page.locator("h1").count()) != 1:
        yield f"{headings} h1"
    if (extra := too_wide(page)) > 0:
        yield f"{extra} px too wide"
    yield from violations(page)

"""A page at rest."""

from playwright.sync_api import Page, expect

MOVING = ".htmx-request, .htmx-swapping, .htmx-settling"


def wait_until_settled(page: Page) -> None:
    """Until the page's scripts are there, and what it has asked for is in its place: a key that
    is pressed before that goes to a plain link, or to an element that is about to be replaced."""
    page.wait_for_load_state()
    expect(page.locator(MOVING)).to_have_count(0)

"""A mailing written in a browser: by the keyboard alone, on a phone, without JavaScript."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser import demo
from tests.browser.accessible import assert_accessible, assert_fits
from tests.browser.conftest import OpenPage
from tests.browser.meaning_visitor import DONE
from tests.browser.settled_page import wait_until_settled
from tests.stack.running import RunningStack

ON_ITS_PAGE = re.compile(r"/mailings/\d+/$")
WORDS = {
    "en": {"sent": "starts at once", "reached": "clients get it", "saved": "is saved"},
    "ru": {"sent": "начинается сразу", "reached": "Получат", "saved": "сохранена"},
}
MOST_STEPS = 80
#: Milliseconds for what the server counts, while other tests keep it busy.
SLOW = 20_000
CLIENTS = [
    {"phone_number": f"7905777000{n}", "tag": "vip", "attributes": {"city": "Kazan", "age": 20 + n}}
    for n in range(5)
]


@pytest.fixture(scope="module", autouse=True)
def clients(stack: RunningStack) -> Iterator[None]:
    """Five of them, who are gone afterwards: other tests begin with none."""
    made = stack.api("POST", "clients/bulk/", CLIENTS)
    yield
    for result in made.body["results"]:
        stack.api("DELETE", f"clients/{result['id']}/")


def step_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until the focus is there, and see that the focus is seen."""
    for _ in range(MOST_STEPS):
        page.keyboard.press(key)
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"the keyboard does not get to {selector}")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_keyboard_alone_makes_and_starts_a_mailing(
    browser_page: OpenPage, language: str
) -> None:
    page = browser_page("operator", language=language)
    keys = page.keyboard
    page.goto("/mailings/new/")

    step_to(page, "#id_name")
    keys.type("By keyboard")
    step_to(page, "#id_text")
    keys.type("Hello")
    step_to(page, "[name=add][value=include]")
    keys.press("Enter")
    expect(page.locator("[name=include-0-what]")).to_be_focused()
    keys.press("ArrowDown")  # from the operator code to the tag
    keys.press("Tab")
    keys.type("vip")
    step_to(page, "#id_ends_at")
    step_to(page, "[name=do][value=schedule]")
    expect(page.locator("#preview h2").first).to_contain_text(
        WORDS[language]["reached"], timeout=SLOW
    )
    expect(page.locator("#preview .summary dd").first).to_have_text(
        re.compile(r"^[1-9]\d?$"), timeout=SLOW
    )
    keys.press("Enter")
    expect(page.locator("#confirmation")).to_be_visible()
    step_to(page, "#confirmation [name=do][value=schedule]")
    keys.press("Enter")

    expect(page).to_have_url(ON_ITS_PAGE)
    expect(page.get_by_role("status").first).to_contain_text(WORDS[language]["sent"])


def test_an_end_that_somebody_chose_does_not_follow_the_start(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    """In the calendar, or before the page was opened or sent."""
    page = browser_page("operator", language="en")
    days = (datetime.now(UTC).date() + timedelta(n) for n in (2, 9, 12))
    soon, later, beyond = (f"{day:%Y-%m-%d}" for day in days)
    page.goto("/mailings/new/")
    page.check("[name=starts][value=later]")
    start_at(page, f"{soon} 10:00", end=f"{soon} 21:00")

    open_calendar_of_end(page)
    for unreadable in ("25:99", "9:5", "24:00", "18:60", "noon", ""):
        refuse_clock(page, unreadable)
        expect(page.locator("#id_ends_at")).to_have_value(f"{soon} 21:00")
    page.fill(".clock", "18:30")
    expect(page.locator(".calendar .error")).to_be_hidden()
    page.press(".clock", "Enter")
    expect(page.locator("#id_ends_at")).to_have_value(f"{soon} 18:30")
    start_at(page, f"{soon} 11:00", end=f"{soon} 18:30")

    page.fill("#id_ends_at", f"{soon} 25:99")
    start_at(page, f"{soon} 12:00", end=f"{soon} 25:99")
    open_calendar_of_end(page)
    expect(page.locator(".clock")).to_have_value("25:99")
    page.press(".clock", "Escape")

    page.fill("#id_ends_at", f"{later} 18:00")
    page.fill("#id_text", " ")
    page.click("[name=do][value=draft]")
    expect(page.get_by_role("alert").first).to_be_visible()
    start_at(page, f"{soon} 11:00", end=f"{later} 18:00")

    ends_at = f"{later}T18:00:00+03:00"
    id = demo.mailing(stack, name="Long", text="x", starts_in=86_400, ends_at=ends_at)
    page.goto(f"/mailings/{id}/edit/")
    start_at(page, f"{soon} 11:00", end=f"{later} 18:00")
    start_at(page, f"{beyond} 11:00", end=f"{beyond} 21:00")


def start_at(page: Page, start: str, *, end: str) -> None:
    """Write the start; the end is then as expected."""
    page.fill("#id_starts_at", start)
    page.press("#id_starts_at", "Tab")
    expect(page.locator("#id_ends_at")).to_have_value(end)


def open_calendar_of_end(page: Page) -> None:
    moment = page.locator("[data-moment]", has=page.locator("#id_ends_at"))
    moment.locator(".calendar-button").click()


def refuse_clock(page: Page, unreadable: str) -> None:
    """The calendar names the remedy and stays open."""
    page.fill(".clock", unreadable)
    page.press(".clock", "Enter")
    expect(page.locator(".calendar .error")).to_have_text(
        "Write the time as HH:MM, from 00:00 to 23:59."
    )
    expect(page.locator(".clock")).to_be_focused()


def written(page: Page, text: str = 'Hi {{ city|default:"you" }}!') -> None:
    """Write a mailing with a condition of each kind."""
    page.goto("/mailings/new/")
    page.fill("#id_name", "Sale")
    page.fill("#id_text", text)
    page.click("[name=add][value=include]")
    page.select_option("[name=include-0-what]", "range")
    page.fill("[name=include-0-name]", "age")
    page.fill("[name=include-0-gte]", "18")
    page.click("[name=add][value=exclude]")
    page.select_option("[name=exclude-0-what]", "equals")
    page.fill("[name=exclude-0-name]", "city")
    page.fill("[name=exclude-0-values]", "Nowhere")


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_the_page_is_accessible(
    browser_page: OpenPage, language: str, theme: str, width: int
) -> None:
    page = browser_page("operator", language=language, theme=theme, width=width)
    written(page)
    expect(page.locator("#preview .summary")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)

    page.fill("#id_text", "")
    page.fill("[name=include-0-gte]", "many")
    page.click("[name=do][value=schedule]")

    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.locator("#id_text")).to_be_focused()
    expect(page.locator("#id_name")).to_have_value("Sale")
    assert_accessible(page)
    assert_fits(page)


def test_the_counter_and_the_example_follow_what_is_written(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en")
    page.goto("/mailings/new/")

    page.fill("#id_text", "Sale — today")
    expect(page.locator("#segment-counter")).to_contain_text("One character alone")
    page.fill("#id_text", "In ")
    page.click("[data-insert=tag]")
    with page.expect_response(lambda answer: "town" in (answer.request.post_data or "")):
        page.keyboard.type("town")
    expect(page.locator("#id_text")).to_have_value('In {{ tag|default:"town" }}')
    wait_until_settled(page)
    expect(page.locator(".bubble:visible")).to_have_text(re.compile("In .+"), timeout=SLOW)
    page.click("[data-next]:visible")

    expect(page.locator(".bubble:visible")).to_have_count(1)
    expect(page.locator(".phone:visible")).to_contain_text("example 2 of 3")


SAID = """(ids) => {
    window.said = 0;
    for (const id of ids) {
        const element = document.getElementById(id);
        new MutationObserver(() => { window.said += 1; })
            .observe(element, {childList: true, characterData: true, subtree: true});
    }
}"""


def test_segments_and_people_are_read_out_when_they_change_and_then_alone(
    browser_page: OpenPage,
) -> None:
    page = browser_page("operator", language="en")
    page.goto("/mailings/new/")
    page.fill("#id_text", "Hello")
    expect(page.locator("#segments-announced")).to_have_text("1 segment")
    expect(page.locator("#announced")).to_have_text(re.compile(r"^\d+ clients? gets? it$"))
    wait_until_settled(page)
    page.evaluate(SAID, ["announced", "segments-announced"])

    for text in ("Hello!", "Hello! Y"):
        with page.expect_response("**/preview/"), page.expect_response("**/segments/"):
            page.fill("#id_text", text)
        wait_until_settled(page)
    assert page.evaluate("window.said") == 0
    page.fill("#id_text", "x" * 161)

    expect(page.locator("#segments-announced")).to_have_text("2 segments")


def test_a_count_that_could_not_be_made_is_no_count(browser_page: OpenPage) -> None:
    """It was not a key that asked: a condition is taken away, and the old count stood there."""
    page = browser_page("operator", language="en", expect={503})
    written(page)
    expect(page.locator("#preview [name=counted]")).to_have_count(1, timeout=SLOW)
    wait_until_settled(page)
    page.route("**/mailings/new/preview/", lambda route: route.fulfill(status=503))

    page.locator("[name=remove][value=include-0]").click()

    expect(page.locator("#preview h2").first).to_contain_text("The count failed", timeout=SLOW)
    expect(page.locator("#preview .summary")).to_have_count(0)
    expect(page.locator("#preview [name=counted]")).to_have_count(0)
    expect(page.locator("#announced")).to_contain_text("The count failed")
    page.unroute("**/mailings/new/preview/")
    page.locator("#id_text").press("End")
    page.keyboard.type("!")
    expect(page.locator("#preview [name=counted]")).to_have_count(1, timeout=SLOW)


def test_enter_in_a_field_sends_nothing(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en")
    written(page)

    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.is_navigation_request() else None)
    page.press("#id_name", "Enter")
    page.press("[name=exclude-0-values] >> nth=0", "Enter")
    page.evaluate(DONE)

    # What is written is saved meanwhile, and the address then names it.
    expect(page).to_have_url(re.compile(r"/mailings/new/(\?unsaved=[\w-]+)?$"))
    expect(page.locator("#id_name")).to_have_value("Sale")
    assert asked == []


def test_a_mailing_is_written_without_javascript(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en", javascript=False)
    page.goto("/mailings/new/")

    page.fill("#id_text", "Hello")
    page.click("[name=add][value=include]")
    page.select_option("[name=include-0-what]", "tag")
    page.fill("[name=include-0-values]", "vip")
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#preview h2").first).to_contain_text("clients get it")
    page.click("[name=do][value=draft]")

    expect(page).to_have_url(ON_ITS_PAGE)
    expect(page.get_by_role("status").first).to_contain_text("draft is saved")


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("ru", "light", 1440), ("en", "dark", 375)]
)
def test_an_audience_is_saved_counted_and_used(
    browser_page: OpenPage, language: str, theme: str, width: int
) -> None:
    page = browser_page("operator", language=language, theme=theme, width=width)
    name = f"Everybody but nobody {language}"
    page.goto("/clients/audiences/new/")
    page.fill("#name", name)
    page.click("[name=add][value=exclude]")
    page.select_option("[name=exclude-0-what]", "tag")
    page.fill("[name=exclude-0-values]", "nobody")
    expect(page.locator(".figure")).to_contain_text(re.compile(r"\d"))
    assert_accessible(page)
    assert_fits(page)
    page.click("[name=do][value=save]")

    expect(page.get_by_role("status").first).to_contain_text(WORDS[language]["saved"])
    row = page.get_by_role("row", name=name)
    expect(row.locator(".numeric")).to_contain_text(re.compile(r"\d"))
    assert_accessible(page)
    assert_fits(page)
    row.locator("a[href*='?audience=']").click()

    expect(page.locator("[name=exclude-0-values]").first).to_have_value("nobody")
    page.goto("/clients/audiences/")
    row.locator("a.is-danger").click()
    expect(page.locator("main button.is-danger")).to_be_visible()
    assert_accessible(page)
    page.locator("main button.is-danger").click()
    expect(page.get_by_text(name, exact=True)).to_have_count(0)

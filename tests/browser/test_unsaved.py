"""What the browser opens again, what is shown, what is counted and what is sent are one thing."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Dialog, Page, Response, expect

from tests.browser import demo
from tests.browser.accessible import assert_accessible, assert_fits
from tests.browser.conftest import OpenPage
from tests.browser.held import Held
from tests.browser.people import PASSWORD
from tests.browser.settled_page import wait_until_settled
from tests.stack.running import RunningStack

NEW = "/mailings/new/"
KEPT = re.compile(r"/mailings/new/\?unsaved=[0-9a-f-]{36}$")
SLOW = 20_000
CLIENTS = [
    {"phone_number": f"7905888000{n}", "tag": "once" if n < 2 else "other"} for n in range(5)
]


@pytest.fixture(scope="module", autouse=True)
def clients(stack: RunningStack) -> Iterator[None]:
    """Two of five are meant; all are gone afterwards. Nothing that other files wrote is offered."""
    stack.sql("DELETE FROM dashboard_unsavedform")
    made = stack.api("POST", "clients/bulk/", CLIENTS)
    yield
    for result in made.body["results"]:
        stack.api("DELETE", f"clients/{result['id']}/")


def write(page: Page, name: str) -> None:
    """A mailing to two clients, half an hour before anybody saves it."""
    page.goto(NEW)
    page.fill("#id_name", name)
    page.fill("#id_text", "Only for two")
    page.click("[name=add][value=include]")
    page.select_option("[name=include-0-what]", "tag")
    page.fill("[name=include-0-values]", "once")
    page.check("[name=hours][value=between]")
    page.fill("#id_hours_from", "0")
    with page.expect_response(keeps_all):
        page.fill("#id_hours_until", "23:59")
    expect(page).to_have_url(KEPT)
    assert_is_whole(page, name)


def keeps_all(answer: Response) -> bool:
    """Whether the last of what is written has kept itself, and with it all that was before."""
    body = answer.request.post_data or ""
    return "do=autosave" in body and "hours_until=23%3A59" in body and answer.ok


def assert_is_whole(page: Page, name: str) -> None:
    """All that was written is shown, and the count is of it."""
    expect(page.locator("#preview h2").first).to_contain_text("2 clients get it", timeout=SLOW)
    expect(page.locator("#id_name")).to_have_value(name)
    expect(page.locator("#id_text")).to_have_value("Only for two")
    expect(page.locator("[name=include-0-values]").first).to_have_value("once")
    expect(page.locator("[name=hours][value=between]")).to_be_checked()
    expect(page.locator("#id_hours_from")).to_have_value("0")
    wait_until_settled(page)


def back(page: Page) -> Page:
    page.goto("/clients/")
    page.go_back()
    return page


def reload(page: Page) -> Page:
    page.reload()
    return page


def duplicate(page: Page) -> Page:
    tab = page.context.new_page()
    tab.goto(page.url)
    return tab


def back_from_the_question(page: Page) -> Page:
    page.click("[name=do][value=schedule]")
    expect(page.locator("#confirmation")).to_contain_text("2 clients get it")
    page.go_back()
    return page


WAYS: list[Callable[[Page], Page]] = [back, reload, back_from_the_question, duplicate]


def test_a_page_that_is_opened_again_is_whole_and_sends_what_it_shows(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    page = browser_page("operator", language="en")
    write(page, "Whole")

    for way in WAYS:
        page = way(page)
        assert_is_whole(page, "Whole")
    page.click("[name=do][value=schedule]")
    expect(page.locator("#confirmation")).to_contain_text("2 clients get it")
    assert_accessible(page)
    assert_fits(page)
    page.dblclick("#confirmation [name=do][value=schedule]")

    expect(page).to_have_url(re.compile(r"/mailings/\d+/$"))
    made = [m for m in stack.api("GET", "mailings/").body["results"] if m["name"] == "Whole"]
    assert [one["filter"]["tags"] for one in made] == [["once"]]
    page.goto(NEW)
    expect(page.locator("main")).not_to_contain_text("Continue with it")


def test_leaving_a_form_warns_once_something_is_written(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en")
    warned: list[str] = []

    def leave(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto(NEW)
    page.locator("#id_text").click()
    page.goto("/clients/")
    assert warned == []

    page.goto(NEW)
    page.locator("#id_text").press_sequentially("Hello")
    page.goto("/clients/")
    assert warned == ["beforeunload"]

    page.goto(NEW)
    page.locator("#id_text").press_sequentially("Hello")
    wait_until_settled(page)
    page.click("[name=do][value=draft]")
    expect(page).to_have_url(re.compile(r"/mailings/\d+/$"))
    assert warned == ["beforeunload"]  # what is saved is not lost


def test_what_is_written_on_a_form_that_is_done_says_that_it_is_not_kept(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    page = browser_page("operator", language="en", expect={409})
    write(page, "Done")
    other = duplicate(page)
    assert_is_whole(other, "Done")
    page.click("[name=do][value=draft]")
    expect(page).to_have_url(re.compile(r"/mailings/\d+/$"))

    other.fill("#id_name", "Another")

    said = other.locator("#mailing [role=alert]")
    expect(said).to_contain_text("already saved or discarded")
    expect(said).to_contain_text("Press the button below")
    assert_accessible(other)
    assert_fits(other)
    other.close(run_before_unload=False)


def test_what_was_typed_is_there_after_the_session_has_ended(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en", expect={401})
    write(page, "Not lost")
    page.context.clear_cookies(name="sessionid")

    page.click("[name=do][value=schedule]")
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")

    expect(page).to_have_url(KEPT)
    assert_is_whole(page, "Not lost")


def test_the_same_field_saved_in_two_tabs_is_asked_about(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    number = demo.mailing(stack, name="Two", text="Old", starts_in=7200, filter={"tags": ["no"]})
    first, second = (browser_page("operator", language="en") for _ in range(2))
    for page, text in ((first, "First"), (second, "Second")):
        page.goto(f"/mailings/{number}/edit/")
        page.fill("#id_text", text)
        wait_until_settled(page)

    first.click("[name=do][value=save]")
    first.click("#confirmation [name=do][value=save]")
    expect(first).to_have_url(re.compile(rf"/mailings/{number}/$"))
    second.click("[name=do][value=save]")

    expect(second.locator("#id_text_why")).to_contain_text("“First”")
    expect(second.locator("#id_text")).to_have_value("Second")
    assert stack.api("GET", f"mailings/{number}/").body["text"] == "First"
    second.click("[name=do][value=save]")
    second.click("#confirmation [name=do][value=save]")
    expect(second).to_have_url(re.compile(rf"/mailings/{number}/$"))
    assert stack.api("GET", f"mailings/{number}/").body["text"] == "Second"


def test_a_saved_audience_is_taken_when_it_is_chosen_and_what_is_typed_meanwhile_stays(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    audience = {"name": "Two of them", "filter": {"tags": ["once"]}}
    number = stack.api("POST", "audiences/", audience).body["id"]
    page = browser_page("operator", language="en")
    page.goto(NEW)
    page.fill("#id_text", "Hello")
    wait_until_settled(page)
    builder = Held(page, "**/builder/")

    page.select_option("#saved-audience", label="Two of them")
    builder.wait_for(1)
    page.click("[name=do][value=schedule]")  # while the builder waits
    expect(page.get_by_role("alert").first).to_contain_text("Wait a moment")
    builder.let_go()
    expect(page.locator("[name=include-0-values]").first).to_have_value("once")
    expect(page.locator("#preview h2").first).to_contain_text("2 clients get it", timeout=SLOW)
    page.locator("[name=include-0-values]").first.evaluate(
        "(input) => { const data = new DataTransfer(); data.setData('text', 'a\\nb\\nc');"
        " input.value = ''; input.dispatchEvent(new ClipboardEvent('paste',"
        " { clipboardData: data, bubbles: true, cancelable: true })); }"
    )

    values = page.locator("[name=include-0-values]").evaluate_all("all => all.map(i => i.value)")
    assert values == ["a", "b", "c", ""]
    stack.api("DELETE", f"audiences/{number}/")


def test_dates_are_chosen_by_the_keyboard_and_the_end_follows(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="ru", width=375)
    page.goto(NEW)
    page.check("[name=starts][value=later]")
    page.fill("#id_starts_at", "10.03.2027 10:00")
    page.press("#id_starts_at", "Tab")
    expect(page.locator("#id_ends_at")).to_have_value("10.03.2027 21:00")
    page.keyboard.press("Enter")
    expect(page.locator("[data-day='2027-03-10']")).to_be_focused()
    assert_accessible(page)
    assert_fits(page)
    for key in ("ArrowDown", "ArrowRight", "PageDown", "Enter"):
        page.keyboard.press(key)

    expect(page.locator("#id_starts_at")).to_have_value("18.04.2027 10:00")
    expect(page.locator("#id_ends_at")).to_have_value("18.04.2027 21:00")
    page.fill("#id_ends_at", "17.04.2027 21:00")
    expect(page.locator("#id_ends_at_why")).to_contain_text("Выберите конец позже начала")
    page.fill("#id_text", "Привет, {{ Имяя }}")
    expect(page.locator("#id_text_why")).to_contain_text("Имяя")

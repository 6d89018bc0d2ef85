"""A file of clients in the browser: dropped or chosen, its columns named, watched until its end."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.audience.importing.test_workbooks import Sheets, book, packed
from tests.browser.accessible import assert_accessible, assert_fits
from tests.browser.conftest import OpenPage
from tests.browser.settled_page import wait_until_settled
from tests.stack.running import RunningStack

HEADER = "who;номер;город\n"


def written(path: Path, count: int, first: int = 0) -> Path:
    rows = "".join(f"Анна {n};{79100000000 + n};Казань\n" for n in range(first, first + count))
    path.write_text(f"{HEADER}Борис;12345;Омск\n{rows}", encoding="cp1251")
    return path


def hand_in(page: Page, file: Path) -> None:
    page.goto("/clients/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("form[enctype] button.is-primary").click()
    expect(page.locator("table.sheet")).to_be_visible()


DROP = """(zone, names) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File(["79261234567"], name));
    zone.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
}"""


def test_of_several_files_that_are_dropped_none_is_taken(browser_page: OpenPage) -> None:
    page = browser_page("operator", language="en", width=375)
    page.goto("/clients/import/")
    zone, chosen = page.locator("[data-drop]"), page.locator("input[type=file]")
    names = "input => [...input.files].map(file => file.name)"

    zone.evaluate(DROP, ["first.csv", "second.csv"])

    expect(zone.get_by_role("alert")).to_contain_text("Choose one file at a time.")
    assert chosen.evaluate(names) == []
    assert_accessible(page)
    assert_fits(page)
    zone.evaluate(DROP, ["third.csv"])
    expect(zone.get_by_role("alert")).to_have_count(0)
    assert chosen.evaluate(names) == ["third.csv"]


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("ru", "light", 1440), ("en", "dark", 375)]
)
def test_from_the_file_to_the_result(
    browser_page: OpenPage, tmp_path: Path, language: str, theme: str, width: int
) -> None:
    page = browser_page("operator", language=language, theme=theme, width=width)
    hand_in(page, written(tmp_path / "clients.csv", 300, first=width * 1000))
    expect(page.locator("[name=encoding]")).to_have_value("cp1251")
    expect(page.locator("table.sheet tbody tr.is-wrong")).to_have_count(1)
    assert_accessible(page)
    assert_fits(page)

    page.locator("[name=column-3-meaning]").select_option("tag")
    wait_until_settled(page)
    expect(page.locator("[name=column-3-meaning]")).to_have_value("tag")
    page.locator("[name=start]").click()

    expect(page.locator(".badge.is-good")).to_be_visible(timeout=30_000)
    expect(page.locator("#import h2").first).to_contain_text("300")
    expect(page.locator("#import tbody tr")).to_have_count(1)
    assert_accessible(page)
    assert_fits(page)


def test_a_page_that_is_left_open_and_one_that_is_reloaded_show_the_same(
    browser_page: OpenPage, stack: RunningStack, tmp_path: Path
) -> None:
    page, other = browser_page("operator"), browser_page("viewer")
    hand_in(page, written(tmp_path / "many.csv", 120_000, first=5_000_000))
    page.locator("[name=start]").click()
    expect(page.locator("#import progress, #import .badge.is-good").first).to_be_visible()

    other.goto(page.url)

    for each in (page, other):
        expect(each.locator(".badge.is-good")).to_be_visible(timeout=60_000)
        expect(each.locator("#import h2").first).to_contain_text(re.compile(r"120\s000"))


def test_without_javascript_it_works_as_well(browser_page: OpenPage, tmp_path: Path) -> None:
    page = browser_page("operator", javascript=False)
    hand_in(page, written(tmp_path / "few.csv", 3, first=9_000_000))

    page.locator("[name=column-1-meaning]").select_option("")
    page.locator("[name=preview]").click()
    expect(page.locator("[name=column-1-meaning]")).to_have_value("")
    page.locator("[name=start]").click()

    expect(page.locator(".badge.is-good")).to_be_visible(timeout=30_000)


def test_a_search_answers_while_one_types(browser_page: OpenPage, tmp_path: Path) -> None:
    page = browser_page("operator")
    page.goto("/clients/add/")
    page.locator("[name=phone_number]").fill("8 (999) 765-43-21")
    page.locator("button.is-primary").click()
    expect(page.locator("h1")).to_contain_text("999")
    page.goto("/clients/")

    page.locator("[name=q]").press_sequentially("999 765-43")

    expect(page.locator("#clients tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=999"))


def test_a_confirmation_opens_in_the_dialog_and_acts(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    stack.api("POST", "clients/", {"phone_number": "79998887766"})
    page = browser_page("admin")
    page.goto("/clients/?q=79998887766")
    page.locator("#clients tbody a").click()
    expect(page).to_have_url(re.compile(r"/clients/\d+/$"))
    wait_until_settled(page)

    page.locator("a[hx-get$='/stop/']").click()
    expect(page.locator("#dialog")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    page.locator("a[hx-get$='/stop/']").click()
    page.locator("#dialog [name=reason]").fill("просил")
    page.locator("#dialog button.is-primary").click()

    expect(page.locator(".badge.is-bad")).to_be_visible()
    expect(page.locator(".notice.is-bad")).to_contain_text("просил")
    page.goto("/stop-list/")
    assert_accessible(page)


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("ru", "light", 375), ("en", "dark", 1440)]
)
def test_a_sheet_and_the_line_of_its_header_are_chosen(
    browser_page: OpenPage, tmp_path: Path, language: str, theme: str, width: int
) -> None:
    first = 79200000000 + width * 10
    sheets: Sheets = [
        ("Москва", "visible", [["Телефон", "Имя"], [str(first), "Анна"]]),
        ("Омск", "visible", [["Отчёт"], ["Кто", "Номер"], ["Вера", str(first + 1)]]),
        ("Старые", "hidden", [["Телефон"], [str(first + 2)]]),
    ]
    (tmp_path / "clients.xlsx").write_bytes(packed(book(sheets)))
    page = browser_page("operator", language=language, theme=theme, width=width)
    hand_in(page, tmp_path / "clients.xlsx")
    expect(page.locator("#problem .is-bad")).to_be_visible()

    page.locator("[name=sheet]").focus()
    page.locator("[name=sheet]").select_option("Омск")
    expect(page.locator("[name=header_line]")).to_have_value("2")
    expect(page.locator("#problem .is-bad")).to_have_count(0)
    expect(page.locator("[name=sheet]")).to_be_focused()
    assert_accessible(page)
    assert_fits(page)
    page.locator("[name=header_line]").select_option("0")
    expect(page.locator("table.sheet tbody tr")).to_have_count(3)
    page.locator("[name=header_line]").select_option("2")
    expect(page.locator("table.sheet tbody tr")).to_have_count(1)

    page.locator("[name=start]").click()
    expect(page.locator("dl.counts")).to_be_visible(timeout=60_000)
    assert_fits(page)

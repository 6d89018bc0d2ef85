"""From an empty system to a mailing that everybody got, as an operator goes."""

import csv
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessible import assert_accessible, assert_fits
from tests.browser.conftest import OpenPage, peopled_stack
from tests.browser.people import PASSWORD
from tests.pipeline.mailings import read
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

CLIENTS = 5_000
#: Messages a second: slow enough to see the bar move and to pause it long before its end.
RATE = 50
FASTER = 1_500
TEXT = 'Здравствуйте, {{ name|default:"клиент" }}! В эти выходные −20 % на всё.'
CITIES = ("Казань", "Уфа", "Омск", "Пермь")


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """An empty system."""
    with peopled_stack() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Clients as somebody's spreadsheet has them."""
    path = tmp_path / "clients.csv"
    with path.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["phone", "tag", "name", "city"])
        for number in range(CLIENTS):
            phone = f"+7 (900) {number // 10_000:03}-{number // 100 % 100:02}-{number % 100:02}"
            writer.writerow(
                [phone, "vip" if number % 10 == 0 else "", f"Имя{number}", CITIES[number % 4]]
            )
    return path


def test_from_an_empty_system_to_an_exported_report(
    browser_page: OpenPage, stack: RunningStack, file: Path
) -> None:
    page = browser_page(None)
    log_in(page)
    import_clients(page, file)
    make_mailing(page)
    seen = watch_the_bar(page)
    assert len(seen) >= 3
    pause_and_resume(page, stack)
    make_it_faster(page)
    finish(page)
    assert rows_of_the_export(page) == CLIENTS
    assert len({sent.phone for sent in stack.sent()}) == CLIENTS
    assert len(list(stack.sent())) == CLIENTS


def log_in(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/login/\?next=/"))
    page.get_by_label("Имя пользователя").fill("operator")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def import_clients(page: Page, file: Path) -> None:
    page.get_by_role("navigation").get_by_role("link", name="Клиенты").click()
    page.goto("/clients/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("main form button.is-primary").click()
    expect(page.locator("table.sheet tbody tr").first).to_contain_text("7 900 000-00-00")
    page.locator("button[name=start]").click()
    expect(page.locator(".badge.is-good")).to_be_visible(timeout=60_000)
    expect(page.locator("#import h2").first).to_contain_text(re.compile(r"5\s000"))


def make_mailing(page: Page) -> None:
    page.goto("/mailings/new/")
    page.locator("#id_name").fill("Скидка выходного дня")
    page.locator("#id_text").fill(TEXT)
    page.locator("[name=rate][value=limit]").check()
    page.locator("#id_rate_limit").fill(str(RATE))
    expect(page.locator("#preview")).to_contain_text(re.compile(r"5\s000"))
    expect(page.locator("#preview .bubble").first).to_contain_text("Имя0")
    page.locator("button[value=schedule]").click()
    page.locator("#confirmation button[value=schedule]").click()
    expect(page).to_have_url(re.compile(r"/mailings/\d+/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Скидка выходного дня")


def watch_the_bar(page: Page, seconds: float = 60.0) -> set[int]:
    """The different figures of what is sent, on a page that nobody reloads."""
    expect(page.locator("[data-live] .bar")).to_be_visible(timeout=20_000)
    page.evaluate("window.neverReloaded = true")
    seen: set[int] = set()
    until = time.monotonic() + seconds
    while len(seen) < 3 and time.monotonic() < until:
        if 0 < (sent := figure(page, "отправлено")) < CLIENTS:
            seen.add(sent)
        page.wait_for_timeout(50)
    assert page.evaluate("window.neverReloaded")
    assert bar_width(page) > 0
    return seen


def figure(page: Page, state: str) -> int:
    """A count under the bar; 0 where it is not there yet."""
    shown = page.locator(".count", has=page.get_by_text(state, exact=True)).first.locator("dd")
    text = shown.inner_text() if shown.count() else ""
    return int(re.sub(r"\D", "", text) or 0)


def bar_width(page: Page) -> float:
    width = page.locator(".bar .fill.is-sent").first.get_attribute("width") or "0"
    return float(width.rstrip("%"))


def pause_and_resume(page: Page, stack: RunningStack) -> None:
    page.locator("a[href$='/pause/']").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Скидка выходного дня")
    dialog.locator("button.is-primary, button.is-danger").click()
    expect(page.locator(".head .badge")).to_have_text("на паузе")
    number = int(page.url.rstrip("/").rpartition("/")[2])
    wait_until(lambda: read(stack, number)["progress"]["sending"] == 0, seconds=30)
    held = read(stack, number)["progress"]["sent"]
    page.reload()
    wait_until(lambda: figure(page, "отправлено") == held, seconds=30)
    page.wait_for_timeout(1_000)
    assert figure(page, "отправлено") == held < CLIENTS
    assert read(stack, number)["progress"]["sent"] == held
    page.locator("a[href$='/resume/']").click()
    page.get_by_role("dialog").locator("button.is-primary, button.is-danger").click()
    expect(page.locator(".head .badge")).to_have_text("идёт")


def make_it_faster(page: Page) -> None:
    page.locator("a[href$='/change/']").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#id_rate_limit").fill(str(FASTER))
    dialog.locator("button.is-primary").click()
    expect(page.locator("#summary")).to_contain_text(re.compile(r"1\s500"))


def finish(page: Page) -> None:
    expect(page.locator(".head .badge")).to_have_text("завершена", timeout=60_000)
    assert figure(page, "отправлено") == CLIENTS
    expect(page.locator(".count.is-sum .tick").first).to_be_visible()


def rows_of_the_export(page: Page) -> int:
    page.reload()
    page.locator("#messages details.menu summary").click()
    with page.expect_download() as download:
        page.locator("a[href*='messages/export/?format=csv']").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    return len(list(csv.reader(text.splitlines()))) - 1


def test_the_keyboard_alone_makes_and_starts_a_mailing(
    browser_page: OpenPage, stack: RunningStack
) -> None:
    page = browser_page("operator", language="en")
    page.goto("/")

    press_until(page, lambda: focused(page) == "Mailings")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/mailings/$"))
    press_until(page, lambda: (focused_href(page)).endswith("/mailings/new/"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/mailings/new/$"))
    type_into(page, "name", "By keyboard")
    type_into(page, "text", "Hello by keyboard")
    press_until(page, lambda: focused(page) == "Schedule")
    assert_focus_is_seen(page)
    page.keyboard.press("Enter")
    expect(page.locator("#confirmation")).to_be_visible()
    press_until(page, lambda: focused(page).startswith("Send to"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
    number = int(page.url.rstrip("/").rpartition("/")[2])
    assert stack.api("GET", f"mailings/{number}/").body["state"] in (
        "scheduled",
        "running",
        "finished",
    )


FOCUSED = "(document.activeElement.innerText || '').trim().split('\\n')[0]"


def focused(page: Page) -> str:
    return str(page.evaluate(FOCUSED))


def focused_href(page: Page) -> str:
    return str(page.evaluate("document.activeElement.href || ''"))


def press_until(page: Page, reached: Callable[[], bool], most: int = 120) -> None:
    """Press Tab until the wanted control has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if reached():
            return
    raise AssertionError(f"not reached by {most} Tabs on {page.url}")


def type_into(page: Page, name: str, text: str) -> None:
    press_until(page, lambda: page.evaluate("document.activeElement.name || ''") == name)
    page.keyboard.type(text)


def assert_focus_is_seen(page: Page) -> None:
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) not in ("none", "")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_viewer_sees_and_is_told_why_they_cannot_act(
    browser_page: OpenPage, stack: RunningStack, language: str
) -> None:
    number = stack.api("GET", "mailings/").body["results"][0]["id"]
    page = browser_page("viewer", language=language, expect={403})

    page.goto(f"/mailings/{number}/")
    expect(page.locator(".why").first).to_be_visible()
    expect(
        page.locator("a[href$='/pause/'], a[href$='/cancel/'], a[href$='/copy/']")
    ).to_have_count(0)
    for address in ("/mailings/new/", "/settings/users/"):
        answered = page.goto(address)
        assert answered
        assert answered.status == 403
        expect(page.locator("main .card")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)


def test_an_admin_adds_a_user_who_can_log_in(browser_page: OpenPage) -> None:
    page = browser_page("admin", language="en")
    page.goto("/settings/")
    page.get_by_role("link", name="Users").click()
    page.get_by_role("link", name="Add a user").click()
    page.get_by_label("User name").fill("newcomer")
    page.get_by_role("button", name="Add", exact=True).click()
    password = page.get_by_label("Password").input_value()
    assert_accessible(page)

    theirs = browser_page(None, language="en", width=375)
    theirs.goto("/account/")
    theirs.get_by_label("Username").fill("newcomer")
    theirs.get_by_label("Password").fill(password)
    theirs.keyboard.press("Enter")

    expect(theirs).to_have_url(re.compile("/account/$"))
    expect(theirs.get_by_role("heading", level=1)).to_have_text("newcomer")

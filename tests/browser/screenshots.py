"""`make screenshots`: the main pages as pictures, in docs/screenshots/, of a stack of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser import chromium, demo, people
from tests.browser.conftest import LOCALES, peopled_stack
from tests.stack.running import RunningStack

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
CLIENTS = 12_000
MOST_BYTES = 250_000
PRICED = {"SMS_PROVIDER_CONSOLE_PRICE_PER_SEGMENT": "2.40"}
WIDE, PHONE = (1280, 860), (375, 780)


@dataclass(frozen=True)
class Shot:
    """A picture: its file's name, the page, and what is done there before it is taken."""

    name: str
    address: str
    language: str = "ru"
    theme: str = "light"
    size: tuple[int, int] = WIDE
    prepare: Callable[[Page], None] = lambda page: None


def write_a_mailing(page: Page) -> None:
    """A mailing as it stands before it is scheduled, counted."""
    page.locator("#id_name").fill("Скидка выходного дня")
    page.locator("#id_text").fill(
        '{{ name|default:"Здравствуйте" }}, в эти выходные −20 % на всё. '
        "Промокод ВЕСТИ. Отказ: СТОП"
    )
    page.locator("[name=rate][value=limit]").check()
    page.locator("#id_rate_limit").fill("50")
    page.locator("#preview .bubble").first.wait_for()


SHOTS = [
    Shot("overview-light", "/"),
    Shot("overview-dark", "/", theme="dark"),
    Shot("overview-phone", "/", theme="dark", size=PHONE),
    Shot("overview-en", "/", language="en"),
    Shot("mailing-light", "/mailings/{running}/"),
    Shot("mailing-dark", "/mailings/{running}/", theme="dark"),
    Shot("mailing-phone", "/mailings/{running}/", size=PHONE),
    Shot("new-mailing-light", "/mailings/new/", prepare=write_a_mailing),
    Shot("new-mailing-dark", "/mailings/new/", theme="dark", prepare=write_a_mailing),
    Shot("clients-light", "/clients/"),
    Shot("clients-dark", "/clients/", theme="dark"),
    Shot("import-light", "/clients/imports/{imported}/"),
    Shot("settings-en", "/settings/", language="en", theme="dark"),
]


def main() -> None:
    """Take them all; a picture that is too large for a repository is an error."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium.running() as browser, peopled_stack(**PRICED) as stack:
        ids = demo.fill(browser, stack, clients=CLIENTS)
        session = people.log_in(browser, stack, "operator")
        for shot in SHOTS:
            path = take(browser, stack, session, shot, ids)
            size = path.stat().st_size
            print(f"{path.name:24} {size / 1000:6.0f} kB")
            assert size <= MOST_BYTES, f"{path.name} is too large"


def take(
    browser: Browser, stack: RunningStack, session: Any, shot: Shot, ids: dict[str, Any]
) -> Path:
    """One picture."""
    width, height = shot.size
    context = browser.new_context(
        base_url=stack.address,
        storage_state=session,
        locale=LOCALES[shot.language],
        color_scheme="dark" if shot.theme == "dark" else "light",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(shot.address.format(**ids))
    shot.prepare(page)
    page.wait_for_timeout(1_500)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    path = FOLDER / f"{shot.name}.png"
    page.screenshot(path=path)
    context.close()
    return path


if __name__ == "__main__":
    main()

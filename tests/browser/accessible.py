"""What axe finds in a page, and whether it is wider than its window."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
RUN = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
    "best-practice"], resultTypes: ["violations"]})
    .then(found => found.violations.map(v =>
        `${v.id}: ${v.help}: ${v.nodes.slice(0, 4).map(n => n.html.slice(0, 160)).join(" | ")}`))
"""


def assert_accessible(page: Page) -> None:
    """axe finds nothing, by WCAG 2.2 AA and good practice."""
    found = violations(page)
    assert not found, "\n".join([page.url, *found])


def assert_fits(page: Page) -> None:
    """The page needs no scrolling to the side."""
    extra = too_wide(page)
    assert extra <= 0, f"{page.url} is {extra} px wider than its window"


def too_wide(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def violations(page: Page) -> list[str]:
    """What axe finds; it is put in by the debugger, so the page's CSP stays as strict as it is."""
    session = page.context.new_cdp_session(page)
    try:
        _run(session, _axe())
        found: list[str] = _run(session, RUN)
        return found
    finally:
        session.detach()


def _run(session: Any, script: str) -> Any:
    answer = session.send(
        "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
    )
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


@cache
def _axe() -> str:
    return f"{AXE.read_text()}; undefined"

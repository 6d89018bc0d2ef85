"""One case of `test_meaning.py`: write, submit in one manner, and judge what is stored."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.held import Held
from tests.browser.meaning import REFUSED, Case, Shown, World
from tests.browser.meaning_visitor import TIMEOUT, Visitor, keeps_enter, shown, write

BUILDING = "[data-builder].htmx-request, [data-builder] .htmx-request"


@dataclass(frozen=True)
class Click:
    """What a page shows when something on it is pressed, what it means, and what is stored."""

    case: Case
    visitor: Visitor
    world: World
    shown: Shown
    before: Any
    meant: Any
    #: What pages said was wrong before anything was written, and beside a question.
    known: set[str]

    def told(self, after: Any) -> str:
        case, visitor = self.case, self.visitor
        seen = f"shown {dict(self.shown)}, meant {self.meant!r}, said {visitor.reasons()}"
        return f"{case}: {visitor.page.url}: before {self.before!r}, after {after!r}, {seen}"

    def read(self) -> Any:
        """What is stored once the stack has answered everything."""
        self.visitor.wait_for_answers()
        return self.case.form.reads(self.world)

    def assert_as_meant(self, after: Any) -> None:
        """What is stored is what was shown, or what was stored before."""
        if after != self.before:
            assert self.meant is not REFUSED, self.told(after)
            assert after == self.meant, self.told(after)

    def assert_stored_or_said(self) -> None:
        self.assert_as_meant(after := self.read())
        if after != self.before or self.before == self.meant:
            return
        deadline = time.monotonic() + TIMEOUT
        while not (is_said := self._is_said()) and time.monotonic() < deadline:
            self.visitor.page.wait_for_timeout(10)
        self.assert_as_meant(after := self.read())
        assert is_said or after != self.before, f"nothing is said: {self.told(after)}"

    def _is_said(self) -> bool:
        """Whether the page says why: at its field, where what is shown is what is wrong."""
        if not self.visitor.says_why(self.known):
            return False
        case, seen = self.case, self.shown
        is_shown = all(value in seen.get(name, []) for name, value in case.values.items())
        if case.kind in ("good", "elsewhere") or self.meant is not REFUSED or not is_shown:
            return True
        # Other values may have been lost on the way.
        others = seen if case.manner in ("back", "reload") else {}
        return self.visitor.says_at([*case.values, *case.then, *others], case.form.says)


def run(case: Case, visitor: Visitor, world: World) -> None:
    """AssertionError where something else is stored than was shown, or nothing without a word."""
    world.assert_left()
    visitor.faults.clear()
    known = _open(case, visitor, world)
    if _gets_ready(case, visitor, world, known):
        _submit(_click(case, visitor, world, known))
    assert not visitor.faults, f"{case}: {visitor.faults}"
    visitor.wait_for_answers()
    world.left = (str(case), case.form.reads, case.form.reads(world))


def _gets_ready(case: Case, visitor: Visitor, world: World, known: set[str]) -> bool:
    """Do what comes before it is submitted; False once there is no form any more."""
    if case.manner == "back":
        return _goes_back(_click(case, visitor, world, known))
    if case.manner == "reload":
        visitor.keep()
        visitor.page.reload(wait_until="domcontentloaded")
        if case.form.prepares and not _form(case, visitor).count():
            case.form.prepares(visitor.page)  # a dialog is closed then
    if case.kind == "elsewhere" and case.form.meanwhile:
        case.form.meanwhile(world)
    return True


def _submit(click: Click) -> None:
    case = click.case
    if case.kind == "good" and case.manner == "button" and not case.form.is_always_refused:
        assert click.meant not in (REFUSED, click.before), f"nothing to store: {click.told('?')}"
    if case.manner == "held":
        _press_while_held(click)
    elif case.manner.startswith("enter"):
        _press_enter(click)
    else:
        _press(click)
        click.assert_stored_or_said()


def _form(case: Case, visitor: Visitor) -> Locator:
    return visitor.page.locator(case.form.form)


def _open(case: Case, visitor: Visitor, world: World) -> set[str]:
    """Open the form and fill it in; what the page said was wrong before."""
    page, form = visitor.page, case.form
    if case.manner == "back":
        # Where nothing was sent, Back leads to the page before the form. If that were the answer to
        # an earlier case's POST, the browser would ask whether to send it again.
        page.goto("/livez", wait_until="domcontentloaded")
    page.goto(form.opens(world), wait_until="domcontentloaded")
    if form.prepares:
        form.prepares(page)
    known = set(visitor.reasons())
    good = {name: value for name, value in form.good.items() if name not in case.values}
    for name, value in good.items():
        write(_form(case, visitor), name, value if isinstance(value, str) else value(world))
    for name, value in (*case.values.items(), *case.then.items()):
        write(_form(case, visitor), name, value)
    expect(page.locator(BUILDING)).to_have_count(0)
    return known


def _click(case: Case, visitor: Visitor, world: World, known: set[str]) -> Click:
    before, seen = case.form.reads(world), shown(_form(case, visitor))
    meant = case.form.means(world, seen, before)
    return Click(case, visitor, world, seen, before, meant, known)


def _goes_back(click: Click) -> bool:
    """Press the button, and go back; whether the form is there again."""
    case, visitor = click.case, click.visitor
    is_sent = visitor.act(_button(case, visitor).click)
    click.assert_as_meant(after := click.read())
    visitor.page.go_back(wait_until="domcontentloaded")
    if not is_sent:  # Back has left the form
        visitor.page.go_forward(wait_until="domcontentloaded")
    if not _form(case, visitor).count() and case.form.prepares and after == click.before:
        case.form.prepares(visitor.page)
    is_there = _form(case, visitor).count() > 0
    assert is_there or after != click.before, f"no form: {click.told(after)}"
    return is_there


def _button(case: Case, visitor: Visitor) -> Locator:
    return _form(case, visitor).locator(case.form.button).first


def _press(click: Click) -> None:
    """Press the button, and the one of the question that follows."""
    case, visitor = click.case, click.visitor
    is_twice = case.manner.startswith("twice")
    button = _button(case, visitor)
    is_sent = visitor.act(button.dblclick if is_twice else button.click)
    answer = visitor.page.locator(case.form.answer).first if case.form.answer else None
    if is_sent and answer and answer.count():
        click.known.update(visitor.reasons())
        visitor.act(answer.dblclick if is_twice else answer.click)


def _press_enter(click: Click) -> None:
    """Enter sends what its form sends, or says why not; or it sends nothing at all."""
    case, visitor = click.case, click.visitor
    form = _form(case, visitor)
    may_send_nothing = keeps_enter(form, case.control)
    is_sent = visitor.act(lambda: form.locator(f"[name='{case.control}']").first.press("Enter"))
    if case.form.enter_saves and (is_sent or not may_send_nothing):
        click.assert_stored_or_said()
        return
    is_sent |= visitor.leave()
    after = click.read()
    assert not is_sent, f"Enter has sent: {click.told(after)}"
    assert after == click.before, click.told(after)


def _press_while_held(pressed: Click) -> None:
    """Press the button while an answer to the builder is still out: nothing can be stored then."""
    click = replace(pressed, meant=REFUSED)
    case, visitor = click.case, click.visitor
    assert case.form.builder
    presses, address = case.form.builder
    with _held(visitor, address) as held:
        visitor.page.locator(presses).first.click()
        _press(click)
        held.wait_for(1)
        click.assert_stored_or_said()
    expect(visitor.page.locator(BUILDING)).to_have_count(0)
    click.assert_as_meant(click.read())


@contextmanager
def _held(visitor: Visitor, address: str) -> Iterator[Held]:
    """Hold what is asked at an address, until the end."""
    held = Held(visitor.page, address)
    try:
        yield held
    finally:
        held.let_go()
        held.end()

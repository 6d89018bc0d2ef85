"""What a form says, and what becomes of it: the parts of `test_meaning.py`.

A `Form` tells how it is opened, what is written into it, and what is stored where it is stored as
the page shows it. `Case.run` writes one thing, submits it in one manner, and judges.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from playwright.sync_api import Error, Locator, Page, Request, Route, expect

from tests.stack.running import RunningStack

#: What nobody can mean: nothing may be stored of it.
REFUSED: Any = object()
GONE = "gone"
#: Seconds for a page to come.
TIMEOUT = 30
#: What a form says although nobody could choose it: an option that is no longer there.
CHOOSE = """(control, value) => {
    if (control.tagName === "SELECT" && ![...control.options].some(o => o.value === value))
        control.add(new Option(value, value));
    control.value = value;
    for (const name of ["input", "change"])
        control.dispatchEvent(new Event(name, {bubbles: true}));
}"""
SHOWN = """(form) => {
    const seen = {};
    for (const control of form.elements) {
        if (!control.name || control.matches("[type=hidden], button, fieldset")) continue;
        if (["checkbox", "radio"].includes(control.type) && !control.checked) continue;
        if (control.disabled || !control.checkVisibility()) continue;
        (seen[control.name] ??= []).push(control.value);
    }
    return seen;
}"""
REASONS = """() => {
    const marked = [".error", ".notice.is-bad", ".notice.is-error", ".notice.is-warning",
        "[aria-invalid=true]", ":is(input, textarea, select):focus:invalid"];
    return [...document.querySelectorAll(marked)].some(e => e.checkVisibility());
}"""
MARK = "() => { document.isSeen = true; }"
IS_ANOTHER = "() => !document.isSeen && document.readyState !== 'loading'"
# Resolves once the page has done what it does about a click or a key: its scripts have run, and the
# navigation of a form that was submitted has begun.
DONE = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
BUILDING = "[data-builder].htmx-request, [data-builder] .htmx-request"
# Resolves once what is written is saved, at once where there is nothing to save.
KEEP = """async () => {
    const fetched = window.fetch;
    let saved = Promise.resolve();
    window.fetch = (...request) => (saved = fetched(...request));
    window.dispatchEvent(new Event("pagehide"));
    window.fetch = fetched;
    await saved;
}"""


class Shown(dict[str, list[str]]):
    """What the controls of a form show, by their names."""

    def one(self, name: str, default: str = "") -> str:
        return (self.get(name) or [default])[0]


class World:
    """The stack, asked quickly, and what the forms are about."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.connection = psycopg.connect(stack.database_url, autocommit=True)
        self.subjects: dict[str, Any] = {}
        self.number = 0

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, parameters).fetchall()

    def run(self, statement: str, *parameters: object) -> None:
        self.connection.execute(statement, parameters)

    def post(self, path: str, body: object = None) -> Any:
        answer = self.stack.api("POST", path, {} if body is None else body)
        assert answer.status < 300, answer
        return answer.body

    def subject(self, name: str, make: Callable[[], Any], query: str) -> Any:
        """What a form is about: made anew once the query finds it no more."""
        if name not in self.subjects or not self.rows(query, self.subjects[name]):
            self.subjects[name] = make()
        return self.subjects[name]

    def fresh(self) -> int:
        self.number += 1
        return self.number


Meaning = Callable[[World, Shown, Any], Any]


@dataclass(frozen=True)
class Form:
    """A form of the pages."""

    name: str
    opens: Callable[[World], str]
    #: What is stored; `means` tells what it becomes, from what the page shows and what was stored.
    reads: Callable[[World], Any]
    means: Meaning
    #: What is written into it at first; a value may be made anew each time.
    good: Mapping[str, str | Callable[[World], str]] = field(default_factory=dict)
    #: By control: what cannot be read, and choices that are no longer there.
    wrong: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Values that contradict each other.
    contradictions: Sequence[Mapping[str, str]] = ()
    #: What happens elsewhere once the page is open.
    meanwhile: Callable[[World], None] | None = None
    form: str = "main form:has(button.is-primary)"
    button: str = "button.is-primary"
    #: Of the question that follows.
    answer: str = ""
    user: str = "operator"
    #: Whether Enter in a field presses the button.
    enter_saves: bool = False
    #: What a builder's button is, and where it asks.
    builder: tuple[str, str] | None = None
    #: Before it is written into.
    prepares: Callable[[Page], None] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Case:
    """One thing that is written, submitted in one manner."""

    form: Form
    manner: str
    what: str
    values: Mapping[str, str]
    control: str = ""
    meanwhile: bool = False

    def __str__(self) -> str:
        return f"{self.form}: {self.what}: {self.manner}"

    @property
    def javascript(self) -> bool:
        return "without" not in self.manner


class Visitor:
    """A browser's page that is used for many cases."""

    def __init__(self, page: Page, *, has_scripts: bool) -> None:
        self.page, self.has_scripts = page, has_scripts
        self.posts: list[Request] = []
        page.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if request.method == "POST" and request.is_navigation_request():
            self.posts.append(request)

    def act(self, action: Callable[[], None]) -> bool:
        """Do it, and wait for the page that comes of it; whether a form was sent."""
        before = seen = len(self.posts)
        self.page.evaluate(MARK)
        action()
        self._wait_until_done()
        while len(self.posts) > seen:  # a second click may fall on the page that came
            seen = len(self.posts)
            self._wait_for_another_page()
            self.page.evaluate(MARK)
            self._wait_until_done()
        return seen > before

    def _wait_until_done(self) -> None:
        """Until what was pressed has had its way, however slow the machine is."""
        with suppress(Error):  # another page has come
            self.page.evaluate(DONE if self.has_scripts else "() => null")
        self.page.wait_for_timeout(20)  # for the browser to tell of the request

    def says_why(self) -> bool:
        """Whether the page says that something is wrong; False while another one comes."""
        try:
            return bool(self.page.evaluate(REASONS))
        except Error:
            return False

    def _wait_for_another_page(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not self._is_another():
            assert time.monotonic() < deadline, "no page came"
            self.page.wait_for_timeout(10)

    def _is_another(self) -> bool:
        try:
            return bool(self.page.evaluate(IS_ANOTHER))
        except Error:  # just now it comes
            return False


def run(case: Case, visitor: Visitor, world: World) -> None:
    """Write, submit and judge. AssertionError where something else is stored than was shown."""
    page, form = visitor.page, case.form
    if case.manner == "back":
        # Where nothing was sent, Back leads to the page before the form. If that were the answer to
        # an earlier case's POST, the browser would ask whether to send it again.
        page.goto("/livez", wait_until="domcontentloaded")
    page.goto(form.opens(world), wait_until="domcontentloaded")
    if form.prepares:
        form.prepares(page)
    _write(page.locator(form.form), case, world)
    expect(page.locator(BUILDING)).to_have_count(0)
    if case.manner == "back":
        visitor.act(page.locator(form.form).locator(form.button).first.click)
        page.go_back(wait_until="domcontentloaded")
    elif case.manner == "reload":
        _keep(page)
        page.reload(wait_until="domcontentloaded")
    if case.meanwhile and form.meanwhile:
        form.meanwhile(world)
    before = form.reads(world)
    if not page.locator(form.form).count():
        return  # nothing can be sent any more
    shown = Shown(page.locator(form.form).evaluate(SHOWN))
    is_sent = _submit(case, visitor)
    if is_sent and form.answer and page.locator(form.answer).count():
        visitor.act(page.locator(form.answer).first.click)
    _compare(case, visitor, is_sent, before, shown, world)


def _compare(
    case: Case, visitor: Visitor, is_sent: bool, before: Any, shown: Shown, world: World
) -> None:
    form = case.form
    meant = form.means(world, shown, before)
    is_by_enter = case.manner.startswith("enter")
    is_judged = is_sent and form.enter_saves if is_by_enter else True
    is_said = is_judged and _wait_for_result(visitor, lambda: form.reads(world), before, meant)
    after = form.reads(world)
    told = f"{case}: shown {dict(shown)}, before {before!r}, after {after!r}"
    if is_by_enter and not form.enter_saves:
        assert not is_sent, told
        assert after == before, told
    elif after != before:
        assert meant is not REFUSED, told
        assert after == meant, f"{told}, meant {meant!r}"
    elif is_by_enter and not is_sent:
        pass  # as in a list of choices, where Enter is no sending
    elif meant is REFUSED or after != meant:
        assert is_said, f"nothing is said: {visitor.page.url}: {told}, meant {meant!r}"


def _wait_for_result(visitor: Visitor, reads: Callable[[], Any], before: Any, meant: Any) -> bool:
    """Wait until something is stored, or the page says why nothing is; whether it says so.

    Of two clicks the browser shows the answer to the second one, and gives up the first one, which
    the server may still be storing.
    """
    deadline = time.monotonic() + TIMEOUT
    while (meant is REFUSED or before != meant) and time.monotonic() < deadline:
        if reads() != before:
            return False
        if visitor.says_why():
            return True
        visitor.page.wait_for_timeout(10)
    return False


def _write(form: Locator, case: Case, world: World) -> None:
    for name, value in case.form.good.items():
        if name not in case.values:
            _set(form, name, value if isinstance(value, str) else value(world))
    for name, value in case.values.items():
        _set(form, name, value)


def _set(form: Locator, name: str, value: str) -> None:
    control = form.locator(f"[name='{name}']")
    kind = control.first.get_attribute("type")
    if kind in ("radio", "checkbox"):
        control.and_(form.locator(f"[value='{value}']")).check()
    elif kind == "file":
        file = {"name": "a.csv", "mimeType": "text/csv", "buffer": value.encode()}
        control.set_input_files(file if value else [])
    elif control.first.evaluate("c => c.matches('select')"):
        control.first.evaluate(CHOOSE, value)
    else:
        control.first.fill(value)
        control.first.blur()  # what follows it, as an end its start, does so before the next one


def _submit(case: Case, visitor: Visitor) -> bool:
    form = visitor.page.locator(case.form.form)
    button = form.locator(case.form.button).first
    if case.manner.startswith("enter"):
        return visitor.act(lambda: form.locator(f"[name='{case.control}']").first.press("Enter"))
    if case.manner.startswith("twice"):
        return visitor.act(button.dblclick)
    if case.manner == "held":
        return _while_held(case, visitor, button)
    return visitor.act(button.click)


def _while_held(case: Case, visitor: Visitor, button: Locator) -> bool:
    """Press the button while an answer to the builder is still out."""
    assert case.form.builder
    presses, address = case.form.builder
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visitor.page.route(address, hold)
    try:
        visitor.page.locator(presses).first.click()
        return visitor.act(button.click)
    finally:
        for route in held:
            with suppress(Error):  # a new page has ended its requests by itself
                route.abort()
        visitor.page.unroute(address, hold)


def _keep(page: Page) -> None:
    """Until what is written has kept itself, where the page does that."""
    if page.locator("form[data-autosave]").count():
        page.evaluate(KEEP)


def cases(forms: Sequence[Form]) -> Iterator[Case]:
    """Every form with everything that may be written into it, in every manner."""
    for form in forms:
        yield from _good(form)
        for name, values in form.wrong.items():
            for value in values:
                what = f"{name}={value[:20]!r}"
                for manner in ("button", "twice", "back", "reload", "without JavaScript"):
                    yield Case(form, manner, what, {name: value})
                for manner in ("enter", "enter without JavaScript"):
                    yield Case(form, manner, what, {name: value}, control=name)
        for given in form.contradictions:
            what = ", ".join(f"{name}={value[:12]}" for name, value in given.items())
            for manner in ("button", "twice", "back", "reload", "without JavaScript"):
                yield Case(form, manner, what, given)


def _good(form: Form) -> Iterator[Case]:
    whole = {name: value for name, value in form.good.items() if isinstance(value, str)}
    for manner in (
        "button",
        "twice",
        "back",
        "reload",
        "without JavaScript",
        "twice without JavaScript",
    ):
        yield Case(form, manner, "as it is", whole)
    if form.builder:
        yield Case(form, "held", "as it is", whole)
    if form.meanwhile:
        for manner in ("button", "twice", "without JavaScript"):
            yield Case(form, manner, "changed elsewhere", whole, meanwhile=True)
    for name in form.good:
        for manner in ("enter", "enter without JavaScript"):
            yield Case(form, manner, f"as it is, in {name}", whole, control=name)

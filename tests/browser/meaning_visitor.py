"""The browser of `test_meaning.py`: it fills forms in, presses, and waits for what comes of it."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from playwright.sync_api import Error, Locator, Page, Request, Response

from tests.browser.meaning import Shown
from tests.browser.post_proxy import PostProxy

#: Seconds for a page to come, and for the stack to answer.
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
# What a page says is wrong. A secret that is shown once is marked as an error is, and is none.
REASONS = """() => {
    const marked = [".error:not(#secret-once)", ".notice.is-bad", ".notice.is-error",
        ".notice.is-warning", "[aria-invalid=true]"];
    const said = [...document.querySelectorAll(marked)].filter(e => e.checkVisibility())
        .map(e => [e.className, e.name ?? "", e.textContent.trim()].join(" "));
    const focused = document.activeElement; // the browser itself says what is wrong with it
    if (focused.form && !focused.form.noValidate && focused.matches(":invalid"))
        said.push(`${focused.name}: ${focused.validationMessage}`);
    return said;
}"""
# Whether one of the controls has said why, where it stands.
AT_FIELD = """names => names.some(name => [...document.getElementsByName(name)].some(control => {
    const said = [...control.closest(".field, fieldset, td, th")?.querySelectorAll(".error") ?? [],
        ...control.closest("[data-builder]")?.querySelectorAll(".notice.is-bad") ?? []];
    const isSaid = said.some(e => e.checkVisibility());
    const isAsked = !control.form?.noValidate || control.matches("[aria-invalid=true]");
    const isFocused = control === document.activeElement && control.matches(":invalid");
    return isSaid || (isAsked && isFocused);
}))"""
KEEPS_ENTER = """control =>
    control.matches("textarea, select, [type=radio], [type=checkbox], [type=file]")"""
# Whether a form was really submitted is known in the page before the browser tells of its request.
MARK = """() => {
    [document.isSeen, document.isSent] = [true, false];
    window.addEventListener("submit", ({ defaultPrevented, submitter, target }) => {
        const method = submitter?.getAttribute("formmethod") ?? target.method;
        document.isSent ||= !defaultPrevented && method === "post";
    });
}"""
IS_ANOTHER = "() => !document.isSeen && document.readyState !== 'loading'"
# Resolves once the page has done what it does about a click or a key: its scripts have run, and the
# navigation of a form that was submitted has begun. It says whether there is one.
DONE = """() => new Promise(done => {
    requestAnimationFrame(() => setTimeout(() => done(Boolean(document.isSent))));
})"""
# Resolves once what is written is saved, at once where there is nothing to save.
KEEP = """async () => {
    const fetched = window.fetch;
    let saved = Promise.resolve();
    window.fetch = (...request) => (saved = fetched(...request));
    window.dispatchEvent(new Event("pagehide"));
    window.fetch = fetched;
    await saved;
}"""


class Visitor:
    """A browser's page that is used for many cases."""

    def __init__(self, page: Page, proxy: PostProxy, *, has_scripts: bool) -> None:
        self.page, self.proxy, self.has_scripts = page, proxy, has_scripts
        self.posts: list[str] = []
        #: Answers that are faults of the server.
        self.faults: list[str] = []
        page.on("request", self._asked)
        page.on("response", self._answered)

    def _asked(self, request: Request) -> None:
        if request.method == "POST" and request.is_navigation_request():
            self.posts.append(request.url)

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"{response.status}: {response.url}")

    def act(self, action: Callable[[], None]) -> bool:
        """Do it, and wait for the page that comes of it; whether a form was sent."""
        before = seen = len(self.posts)
        self.page.evaluate(MARK)
        action()
        self._wait_until_done(seen)
        while len(self.posts) > seen:  # a second click may fall on the page that came
            seen = len(self.posts)
            self._wait_for_another_page()
            self.page.evaluate(MARK)
            self._wait_until_done(seen)
        return seen > before

    def leave(self) -> bool:
        """Go to another page; whether a form was sent before that, however late."""
        before = len(self.posts)
        with suppress(Error):  # the page of a form that was sent comes instead
            self.page.goto("/livez", wait_until="domcontentloaded")
        return len(self.posts) > before

    def wait_for_answers(self) -> None:
        """Until the stack has answered all that was sent, also what the browser has given up."""
        deadline, looks = time.monotonic() + TIMEOUT, 0
        while looks < 2:  # what comes between a socket and its thread is seen at the second look
            assert time.monotonic() < deadline, "the stack does not answer"
            looks = looks + 1 if self.proxy.is_idle else 0
            self.page.wait_for_timeout(5)

    def reasons(self) -> list[str]:
        """What the page says is wrong; nothing while another one comes."""
        with suppress(Error):
            return list(self.page.evaluate(REASONS))
        return []

    def says_why(self, known: Collection[str]) -> bool:
        """Whether the page says that something is wrong, other than what was known before."""
        return not set(self.reasons()) <= set(known)

    def says_at(self, names: Sequence[str], place: str) -> bool:
        """Whether one of the controls says why, or else the place where their form does."""
        with suppress(Error):
            return bool(
                self.page.evaluate(AT_FIELD, names)
                or (place and self.page.locator(place).first.is_visible())
            )
        return False

    def keep(self) -> None:
        """Until what is written has kept itself, where the page does that."""
        if self.page.locator("form[data-autosave]").count():
            self.page.evaluate(KEEP)

    def _wait_until_done(self, posts: int) -> None:
        """Until what was pressed has had its way, however slow the machine is; beside the posts so
        far, the browser has then told of the one that it has sent."""
        is_sent, deadline = False, time.monotonic() + TIMEOUT
        with suppress(Error):  # another page has come
            is_sent = self.page.evaluate(DONE if self.has_scripts else "() => false")
        self.page.wait_for_timeout(20)  # without scripts only the browser tells of the request
        while is_sent and len(self.posts) == posts:
            assert time.monotonic() < deadline, "a form is submitted, and no request comes"
            self.page.wait_for_timeout(10)

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


def shown(form: Locator) -> Shown:
    return Shown(form.evaluate(SHOWN))


def keeps_enter(form: Locator, name: str) -> bool:
    """Whether Enter belongs to the control itself: a new line, a choice, a file."""
    return bool(form.locator(f"[name='{name}']").first.evaluate(KEEPS_ENTER))


def write(form: Locator, name: str, value: str) -> None:
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

"""A page's form as a browser sends it when nobody has touched it."""

import re
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponseBase
from django.test import Client as Browser

NEVER_SENT = ("submit", "button", "reset", "image", "file")
#: Of one line: what the parser of a browser leaves out of their values.
LINE_BREAKS = re.compile(r"[\r\n]")
ANY_BREAK = re.compile(r"\r\n|\r|\n")


class Form(HTMLParser):
    """What the first form that holds a field of that name would send."""

    def __init__(self, page: str, field: str) -> None:
        super().__init__()
        self._forms: list[dict[str, list[str]]] = []
        self._open = False
        self._select: tuple[str, list[tuple[str, bool]], bool] | None = None
        self._option: tuple[str | None, bool, str] | None = None
        self._area: tuple[str, str] | None = None
        self.feed(ANY_BREAK.sub("\n", page))
        self.sent = next(form for form in self._forms if field in form)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = True
            self._forms.append({})
        elif tag == "input":
            self._input(given)
        elif tag == "select":
            self._select = (given.get("name", ""), [], "multiple" in given)
        elif tag == "option" and self._select:
            self._end_option()
            self._option = (given.get("value"), "selected" in given, "")
        elif tag == "textarea":
            self._area = (given.get("name", ""), "")

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area = (self._area[0], self._area[1] + data)
        if self._option:
            self._option = (*self._option[:2], self._option[2] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "option":
            self._end_option()
        elif tag == "select" and self._select:
            self._end_option()
            self._end_select(*self._select)
        elif tag == "textarea" and self._area:
            name, text = self._area
            self._area = None
            self._add(name, text.removeprefix("\n"))

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in NEVER_SENT or "disabled" in given:
            return
        if kind in ("radio", "checkbox"):
            if "checked" in given:
                self._add(given.get("name", ""), given.get("value", "on"))
            return
        value = given.get("value", "")
        self._add(given.get("name", ""), value if kind == "hidden" else LINE_BREAKS.sub("", value))

    def _end_option(self) -> None:
        if self._option and self._select:
            value, chosen, text = self._option
            self._select[1].append((text.strip() if value is None else value, chosen))
        self._option = None

    def _end_select(self, name: str, options: list[tuple[str, bool]], multiple: bool) -> None:
        chosen = [value for value, is_chosen in options if is_chosen]
        if not chosen and not multiple:
            chosen = [value for value, _ in options[:1]]
        for value in chosen if multiple else chosen[-1:]:
            self._add(name, value)
        self._select = None

    def _add(self, name: str, value: str) -> None:
        if self._open and name:
            self._forms[-1].setdefault(name, []).append(ANY_BREAK.sub("\r\n", value))


def untouched(opened: Browser, address: str, field: str) -> dict[str, list[str]]:
    """What the form with that field would send."""
    page = opened.get(address)
    assert page.status_code == 200, page
    return Form(page.content.decode(), field).sent


def saved(opened: Browser, address: str, sent: dict[str, Any], **button: str) -> HttpResponseBase:
    """Press a button of the page; it must not be refused."""
    answer = opened.post(address, {**sent, **button})
    assert answer.status_code == 302, _told(answer)
    return answer


def _told(answer: Any) -> list[Any]:
    """What the page says is wrong."""
    form, audience = (answer.context.get(name) for name in ("form", "audience"))
    rows = [row.errors for row in [*audience.include, *audience.exclude]] if audience else []
    return [getattr(form, "errors", ""), getattr(audience, "problems", ""), rows]

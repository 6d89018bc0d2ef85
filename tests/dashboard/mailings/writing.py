"""A mailing as an operator's browser sends it."""

from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from django.test import Client as Browser
from django.utils import timezone

from vestnik.access.models import User
from vestnik.dashboard.web.form_idempotency import new_token


def browser(role: str = "operator", language: str = "en", **fields: Any) -> Browser:
    user, _ = User.objects.get_or_create(username=role, defaults={"role": role, **fields})
    opened = Browser(headers={"accept-language": language})
    opened.force_login(user)
    return opened


def local(in_seconds: float) -> str:
    """A time as the page's fields have it, in the service's zone."""
    return at(timezone.now() + timedelta(seconds=in_seconds))


def at(instant: datetime) -> str:
    return timezone.localtime(instant).strftime("%Y-%m-%d %H:%M")


def written(**changes: Any) -> dict[str, Any]:
    """The fields of the page, all in order unless told otherwise: what is written is chosen."""
    fields: dict[str, Any] = {
        "token": new_token(),
        "name": "Sale",
        "text": "Hello",
        "starts": "later",
        "starts_at": "" if changes.get("starts") == "now" else local(3600),
        "ends_at": local(7200),
        "hours": "between" if changes.get("hours_from") else "any",
        "hours_from": "",
        "hours_until": "",
        "provider": "null",
        "rate": "limit" if changes.get("rate_limit") else "provider",
        "rate_limit": "",
    }
    fields["rows"] = str(sum(len(changes.get(group) or ()) for group in ("include", "exclude")))
    return fields | {name: value for name, value in changes.items() if value is not None}


def condition(group: str, number: int, **parts: Any) -> dict[str, Any]:
    """One row of the builder; `written(**condition(...), **condition(...))`."""
    return {f"{group}-{number}-{name}": value for name, value in parts.items()}


class Fields(HTMLParser):
    """What a form of a page would send, if nothing is touched; the first of its buttons not."""

    def __init__(self, page: str, form: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._form, self._is_inside = form, False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = given.get("id") == self._form
        is_sent = given.get("type") not in ("radio", "checkbox") or "checked" in given
        if tag == "input" and self._is_inside and is_sent and given.get("name"):
            self.sent.setdefault(given["name"], []).append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "form"


def agreed(opened: Browser, address: str, form: dict[str, Any]) -> Any:
    """Press the button of the page, and the one of the question that it asks."""
    answer = opened.post(address, form)
    if answer.status_code != 200 or 'id="confirmation"' not in answer.content.decode():
        return answer
    return opened.post(address, question(answer) | {"do": form["do"]})


def question(answer: Any) -> dict[str, Any]:
    """What the question before a sending carries."""
    return Fields(answer.content.decode(), "confirmation").sent

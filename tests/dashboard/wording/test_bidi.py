"""A text that somebody has written turns nothing beside it round, on no page."""

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from tests.builders import (
    make_client,
    make_mailing,
)
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.visiting import make_user, visitor
from vestnik.access.models import ApiKey
from vestnik.audience.imports import Import
from vestnik.audience.models import SavedAudience
from vestnik.dashboard.wording.bidi import isolate

pytestmark = pytest.mark.django_db

TURN = "\u202e"
NAME = f"Ab{TURN}31"
#: Within these a text stands alone: a field, or a paragraph of its own.
ALONE = {"bdi", "textarea", "option", "script", "style"}
VALUES = {"value", "content", "placeholder", "data-values-of", "data-insert", "href", "hx-get"}

TEXTS = [
    ("Anna", "Anna"),
    ("№ 13", "№ 13"),
    ("", ""),
    (NAME, f"\u2068{NAME}\u2069"),
    ("שלום", "\u2068שלום\u2069"),
    ("\u2069\u202e13", "\u2068\u202e13\u2069"),
    ("\u2068\u2067x", "\u2068x\u2069"),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_what_could_turn_what_is_beside_it_is_isolated(text: str, shown: str) -> None:
    assert isolate(text) == shown


class Turning(HTMLParser):
    """Texts and attributes in which a name is not isolated from what is beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        for name, value in attrs:
            if name not in VALUES and not self._is_closed(value or ""):
                self.found.append(f"{tag}[{name}]: {value!r}")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not ALONE.intersection(self.open) and not self._is_closed(data):
            self.found.append(f"{'/'.join(self.open[-3:])}: {data.strip()!r}")

    @staticmethod
    def _is_closed(text: str) -> bool:
        """Whether each turn stands in an isolate that ends, or has the whole to itself."""
        depth = 0
        for character in text:
            depth += {"\u2068": 1, "\u2069": -1}.get(character, 0)
            if character == TURN and not depth and text.strip() != NAME:
                return False
        return depth == 0


def pages() -> Iterator[str]:
    """The pages of a system in which everything has such a name."""
    anna = make_user(NAME, "admin")
    client = make_client(tag=NAME, attributes={NAME: NAME})
    audience = {"tags": [NAME, "x"], "attributes": {NAME: NAME}}
    saved = SavedAudience.objects.create(name=NAME, filter=audience)
    waiting = make_mailing(3600, 7200, name=NAME, filter=audience)
    done = make_mailing_with_unknown(name=NAME, filter={"operator_codes": ["900"]})
    waiting.change({"rate_limit": 7}, actor=f"user:{NAME}")
    done.events.create(actor=f"key:{NAME}", event="change", reason="name")
    job = Import.objects.create(state="done", file_name=NAME, size=1, actor=f"user:{NAME}")
    ApiKey.objects.issue(name=NAME, role="viewer")
    yield from ("/", "/mailings/", "/clients/", "/stop-list/", "/clients/audiences/")
    yield from ("/clients/import/", "/account/", "/settings/keys/", "/settings/users/")
    for made in (waiting, done):
        yield from (f"/mailings/{made.id}/", f"/mailings/{made.id}/report/")
        yield from (f"/mailings/{made.id}/cancel/", f"/mailings/{made.id}/again/")
        yield f"/mailings/{made.id}/look/"
    yield from (f"/clients/{client.id}/", f"/clients/audiences/{saved.id}/")
    yield from (f"/clients/audiences/{saved.id}/count/", f"/clients/audiences/{saved.id}/delete/")
    yield from (f"/clients/imports/{job.id}/", f"/settings/users/{anna.pk}/")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_name_turns_round_what_is_beside_it_on_a_page(language: str) -> None:
    wrong, seen = [], 0
    addresses = list(pages())
    browser = visitor(make_user("boss", "admin"), **{"accept-language": language})
    for address in addresses:
        answer = browser.get(address, follow=True)
        html = answer.content.decode()
        assert answer.status_code == 200, f"{answer.status_code} {address}"
        seen += TURN in html
        turning = Turning()
        turning.feed(html)
        wrong += [f"{address} {found}" for found in turning.found]

    assert not wrong, "\n".join(wrong)
    assert seen > len(addresses) // 2

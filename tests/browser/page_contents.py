"""What pages show of mailings, of an import and of the overview, beside what the API says."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from playwright.sync_api import Page

from tests.browser import demo
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack
from vestnik.db.lock_ids import IMPORT_LOCK

MOSCOW = ZoneInfo("Europe/Moscow")
STATES = ("draft", "scheduled", "running", "paused", "unknown", "other", "cancelled")
#: All that is seen of a page at one instant; it asks nothing of the network.
READ = """() => {
    const text = (selector) => document.querySelector(selector)?.innerText ?? "";
    return {
        name: text("h1"), state: text("#mailing-state"), summary: text("#summary"),
        waiting: text("#waiting"), unknown: text("#unknown-count"),
        history: text("#history tbody tr"),
        buttons: text("#mailing-header .actions"), counts: text("[data-topic] .counts"),
        imported: text("#import"), overview: text("#content"),
        badge: text("#action-item-count span"),
        notes: [...document.querySelectorAll(".stale, .floating > p")]
            .map((note) => note.innerText).filter(Boolean),
    };
}"""
HELD = "Text is selected"

Seen = Mapping[str, Any]


def few(number: int) -> dict[str, str]:
    return {"phone_number": f"7999{number:07}", "tag": "few"}


class Scene:
    """A system with a mailing in each state, and an import that is being read."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack, self.round = stack, 0
        demo.make_clients(stack, 3_000, tag="many")
        demo.post(stack, "clients/bulk/", [few(n) for n in range(40)])
        self.ids = {name: self._mailing(name) for name in STATES}
        for name in ("unknown", "other"):
            id = self.ids[name]
            wait_until(lambda id=id: demo.state_of(self.stack, id) == "finished", 60)
        demo.post(stack, f"mailings/{self.ids['paused']}/pause/")
        demo.post(stack, f"mailings/{self.ids['cancelled']}/cancel/")
        self._make_unknown("unknown", 1)
        self.ids["import"] = self._import()

    def _mailing(self, name: str) -> int:
        more: dict[str, Any] = {"rate_limit": 1} if name in ("running", "paused") else {}
        tag = "many" if more else "few"
        if name == "draft":
            more["draft"] = True
        later = name in ("draft", "scheduled", "cancelled")
        return demo.mailing(
            self.stack,
            name=name,
            text="Hello",
            filter={"tags": [tag]},
            starts_in=7_200 if later else 0,
            **more,
        )

    def _make_unknown(self, name: str, count: int) -> None:
        self.stack.sql(
            "UPDATE dispatch_batch SET sent = sent + unknown - %s, unknown = %s "
            "WHERE mailing_id = %s",
            (count, count, self.ids[name]),
        )

    def _import(self) -> int:
        """Ours to move: for the workers somebody reads it already."""
        ((id,),) = self.stack.sql(
            "INSERT INTO audience_import (state, file_name, size, options, stored, attempts, "
            'actor, "into", percent, rows, created, updated, unchanged, duplicates, refused, '
            "error, started_at) VALUES ('running', 'truth.csv', 1, '{}', true, 1, '', "
            "'clients', 1, 1001, 0, 0, 0, 0, 0, '', now()) RETURNING id"
        )
        self.reader = psycopg.connect(self.stack.database_url, autocommit=True)
        self.reader.execute("SELECT pg_advisory_lock(%s, %s)", (IMPORT_LOCK, id))
        return int(id)

    def close(self) -> None:
        """The import is read by nobody any more."""
        self.reader.close()

    def path(self, name: str) -> str:
        """The address of a page."""
        if name == "overview":
            return "/"
        return f"/{'clients/imports' if name == 'import' else 'mailings'}/{self.ids[name]}/"

    def look(self) -> dict[str, dict[str, Any]]:
        """What the API says now, by the names of the pages."""
        mailings = self.stack.api("GET", "mailings/?page_size=50").body["results"]
        said = {mailing["id"]: mailing for mailing in mailings}
        found = {name: said[id] for name, id in self.ids.items() if name != "import"}
        found["import"] = self.stack.api("GET", f"clients/imports/{self.ids['import']}/").body
        return found

    def change(self) -> None:
        """Somebody else changes all that can be changed, each time to something else."""
        self.round += 1
        n = self.round
        for name in ("draft", "scheduled"):
            starts = datetime.now(UTC) + timedelta(hours=2, minutes=7 * n)
            self._patch(name, starts_at=starts.isoformat(), text=f"Text of round {n}")
        for name in ("draft", "scheduled", "running", "paused"):
            ends = datetime.now(UTC) + timedelta(hours=9, minutes=11 * n)
            self._patch(name, name=f"{name} {n}", ends_at=ends.isoformat(), rate_limit=1 + n % 3)
        there_and_back = ("pause", "resume") if n % 2 else ("resume", "pause")
        for name, action in zip(("running", "paused"), there_and_back, strict=True):
            demo.post(self.stack, f"mailings/{self.ids[name]}/{action}/")
        self._make_unknown("unknown", 1 + n)
        self._make_unknown("other", n % 2)
        self.stack.sql(
            "UPDATE audience_import SET percent = %s, rows = %s WHERE id = %s",
            (n, 1000 + n, self.ids["import"]),
        )

    def _patch(self, which: str, **fields: Any) -> None:
        answer = self.stack.api("PATCH", f"mailings/{self.ids[which]}/", fields)
        assert answer.status == 200, answer


Said = Mapping[str, Mapping[str, Any]]
Expected = list[tuple[str, str]]


def lies(said: Said, name: str, seen: Seen) -> list[str]:
    """What the page says otherwise than the API; nothing where it is all the same."""
    expected = EXPECTED.get(name, of_mailing)(said, name)
    return [
        f"{name}: {part} lacks {words!r}, notes {seen['notes']}: {seen[part]!r}"
        for part, words in expected
        if words not in seen[part]
    ]


def of_mailing(all_said: Said, name: str) -> Expected:
    """The words that have to be there, by the part of the page."""
    said = all_said[name]
    words = [
        ("name", said["name"]),
        ("state", said["state"]),
        ("summary", said["text"]),
        ("summary", clock(said["ends_at"])),
        ("badge", badge(all_said)),
    ]
    if said["rate_limit"]:
        words.append(("summary", f"up to {said['rate_limit']} a second"))
    if said["state"] in ("draft", "scheduled"):
        words.append(("summary", clock(said["starts_at"])))
    if said["state"] == "scheduled":
        words.append(("waiting", clock(said["starts_at"])))
    if said["state"] in ("running", "paused"):
        words.append(("buttons", "Pause" if said["state"] == "running" else "Resume"))
    if said["progress"]["unknown"]:
        words.append(("unknown", f"{said['progress']['unknown']} message"))
    return words


def of_overview(said: Said, _name: str) -> Expected:
    words = [("badge", badge(said))]
    for name in ("running", "paused"):
        one = said[name]
        words += [("overview", one["name"]), ("overview", f"until {moment(one['ends_at'])}")]
    unknown = said["unknown"]["progress"]["unknown"]
    return [*words, ("overview", f"{unknown} message"), ("overview", said["scheduled"]["name"])]


def of_import(said: Said, _name: str) -> Expected:
    one = said["import"]
    return [("imported", f"{one['percent']} %, {one['rows']:,} rows")]


EXPECTED: Mapping[str, Callable[[Said, str], Expected]] = {
    "overview": of_overview,
    "import": of_import,
}


def badge(said: Said) -> str:
    """How many decisions wait: those of the mailings in doubt."""
    return str(sum(bool(said[name]["progress"]["unknown"]) for name in ("unknown", "other")))


def clock(instant: str) -> str:
    """As the page writes it, without the day."""
    return datetime.fromisoformat(instant).astimezone(MOSCOW).strftime("%H:%M")


def moment(instant: str) -> str:
    """As the page writes it, with the day where it is not this one."""
    at = datetime.fromisoformat(instant).astimezone(MOSCOW)
    if at.date() == datetime.now(MOSCOW).date():
        return clock(instant)
    return f"{at.day} {at:%b, %H:%M}"


def read(page: Page) -> Seen:
    """All that the page shows now."""
    found: Seen = page.evaluate(READ)
    return found

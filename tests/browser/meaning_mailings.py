"""The forms that make, change and order mailings, for `test_meaning.py`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Page

from tests.browser.meaning import GONE, REFUSED, Form, Now, Shown, World
from tests.stack.embedded_servers import wait_until

ZONE = ZoneInfo("Europe/Moscow")
CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?")
WHOLE = re.compile(r"\d{1,9}|\d{1,3}(?: \d{3})+")
LONG = "x" * 300
TAG = "meant"
FILTER = {"tags": [TAG]}
TOMORROW = datetime.now(ZONE) + timedelta(days=1)
DAY = f"{TOMORROW:%Y-%m-%d}"


def moment(text: str) -> Any:
    """The instant that a page's text says, or REFUSED."""
    for form in ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"):
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=ZONE)
        except ValueError:
            continue
    return REFUSED


def clock(text: str) -> Any:
    found = CLOCK.fullmatch(text.strip())
    return f"{int(found[1]):02}:{found[2] or '00'}" if found and int(found[1]) < 24 else REFUSED


def rate(shown: Shown) -> Any:
    text = shown.one("rate_limit").strip()
    if shown.one("rate") == "limit":
        return int(text.replace(" ", "")) if WHOLE.fullmatch(text) and int(text[0]) else REFUSED
    return REFUSED if text else None


def hours(shown: Shown) -> Any:
    ends = [shown.one(f"hours_{end}") for end in ("from", "until")]
    if shown.one("hours") != "between":
        return REFUSED if any(ends) else None
    start, end = (clock(text) for text in ends)
    return REFUSED if REFUSED in (start, end) or start == end else {"from": start, "until": end}


def window(shown: Shown) -> Any:
    """The start and the end that are shown."""
    ends, written = moment(shown.one("ends_at")), shown.one("starts_at").strip()
    now = datetime.now(UTC)
    if shown.one("starts") == "now":
        wrong = written or ends is REFUSED or ends <= now
        return REFUSED if wrong else (Now(), ends)
    starts = moment(written)
    if REFUSED in (starts, ends) or ends <= max(starts, now):
        return REFUSED
    return starts, ends


def provider(shown: Shown) -> Any:
    return REFUSED if shown.one("provider") == GONE else shown.one("provider")


def text(shown: Shown) -> Any:
    written = shown.one("text")
    return REFUSED if not written.strip() or "{{" in written else written


COLUMNS = "name, text, starts_at, ends_at, local_hours, provider, rate_limit, filter"


def mailings(world: World) -> list[Any]:
    return world.rows(f"SELECT {COLUMNS} FROM mailings_mailing WHERE NOT is_test ORDER BY id")


def mailing_as_shown(shown: Shown, audience: Any) -> Any:
    """The row that a page shows, or REFUSED."""
    when = window(shown)
    parts = (text(shown), hours(shown), provider(shown), rate(shown), audience)
    name = shown.one("name").strip()
    if when is REFUSED or REFUSED in parts or len(name) > 200:
        return REFUSED
    written, local, by, at_most, whom = parts
    return (name, written, *when, local, by, at_most, whom)


def audience_as_shown(shown: Shown) -> Any:
    """Of no condition, or of one for a tag; chosen and not applied is refused."""
    if shown.one("saved"):
        return REFUSED
    values = [value for value in shown.get("include-0-values", []) if value]
    if "include-0-what" not in shown:
        return {}
    if shown.one("include-0-what") != "tag" or not values:
        return REFUSED
    return {"tags": values}


def one_more(_world: World, shown: Shown, before: Any) -> Any:
    row = mailing_as_shown(shown, audience_as_shown(shown))
    return REFUSED if row is REFUSED else [*before, row]


def with_a_saved_audience(world: World) -> None:
    if not world.rows("SELECT 1 FROM audience_savedaudience WHERE name = 'Meant'"):
        world.post("audiences/", {"name": "Meant", "filter": FILTER})


def new(world: World) -> str:
    with_a_saved_audience(world)
    return "/mailings/new/"


WRONG = {
    "name": [LONG],
    "text": ["", "Hello {{ name"],
    "ends_at": ["soon", f"32.13.{TOMORROW:%Y} 10:00"],
    "provider": [GONE],
}
CONTRADICTIONS = (
    {"starts": "later", "starts_at": f"{DAY} 21:00", "ends_at": f"{DAY} 10:00"},
    {"starts": "later", "starts_at": "soon"},
    {"starts": "later", "starts_at": ""},
    {"hours": "between", "hours_from": "9-", "hours_until": "21"},
    {"hours": "between", "hours_from": "", "hours_until": ""},
    {"hours": "between", "hours_from": "10", "hours_until": "10:00"},
    {"rate": "limit", "rate_limit": "5-"},
    {"rate": "limit", "rate_limit": "2e"},
    {"rate": "limit", "rate_limit": ""},
    {"rate": "limit", "rate_limit": "1 000"},
)
WITHDRAWN: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    ({"rate": "limit", "rate_limit": "5"}, {"rate": "provider"}),
    ({"hours": "between", "hours_from": "9", "hours_until": "21"}, {"hours": "any"}),
    ({"starts": "later", "starts_at": f"{DAY} 11:00"}, {"starts": "now"}),
)
GOOD = {
    "name": "Meant",
    "text": "Hello",
    "starts": "later",
    "starts_at": f"{DAY} 10:00",
    "ends_at": f"{DAY} 21:00",
}
BUILDER = ("#add-include", "**/audiences/builder/")
MAILING_DRAFT = Form(
    "draft of a mailing",
    new,
    mailings,
    one_more,
    good=GOOD,
    wrong=WRONG,
    contradictions=CONTRADICTIONS,
    withdrawn=WITHDRAWN,
    form="#mailing",
    button="[name=do][value=draft]",
    builder=BUILDER,
)
MAILING_NEW = Form(
    "mailing that is scheduled",
    new,
    mailings,
    one_more,
    good=GOOD,
    wrong={"text": [""], "ends_at": ["soon"], "saved": [GONE]},
    contradictions=CONTRADICTIONS[:4],
    form="#mailing",
    button="[name=do][value=schedule]",
    answer="#confirmation [name=do][value=schedule]",
    builder=BUILDER,
)


def scheduled(world: World) -> int:
    """One for tomorrow; what was changed of it before does not matter."""
    body = {"text": "Hello", "filter": FILTER, "starts_at": f"{DAY}T10:00:00+03:00"}
    return int(world.post("mailings/", {**body, "ends_at": f"{DAY}T21:00:00+03:00"})["id"])


def edited(world: World) -> str:
    with_a_saved_audience(world)
    world.subjects["edited"] = scheduled(world)
    return f"/mailings/{world.subjects['edited']}/edit/"


def own(key: str) -> Callable[[World], Any]:
    query = f"SELECT {COLUMNS} FROM mailings_mailing WHERE id = %s"
    return lambda world: world.rows(query, world.subjects[key])


def edited_as_shown(world: World, shown: Shown, before: Any) -> Any:
    row = mailing_as_shown(shown, audience_as_shown(shown))
    theirs = before[0][1] == "Theirs"
    if theirs and shown.one("text") != "Hello":
        return REFUSED
    if theirs and row is not REFUSED:  # what was not touched stays as another made it
        row = (row[0], "Theirs", *row[2:])
    state = world.rows("SELECT state FROM mailings_mailing WHERE id = %s", world.subjects["edited"])
    return REFUSED if row is REFUSED or state != [("scheduled",)] else [row]


def somebody_writes(world: World) -> None:
    world.run("UPDATE mailings_mailing SET text = 'Theirs' WHERE id = %s", world.subjects["edited"])


MAILING_EDIT = Form(
    "mailing that is edited",
    edited,
    own("edited"),
    edited_as_shown,
    good={"name": "Renamed", "text": "Hello again"},
    wrong={**WRONG, "include-0-values": [""], "include-0-what": [GONE]},
    contradictions=CONTRADICTIONS,
    withdrawn=WITHDRAWN[:2],
    meanwhile=somebody_writes,
    form="#mailing",
    button="[name=do][value=save]",
    answer="#confirmation [name=do][value=save]",
    builder=BUILDER,
)


def paused(world: World, key: str = "paused") -> int:
    """One under way that stands still: two wait."""

    def make() -> int:
        people = [{"phone_number": f"791655500{n:02}", "tag": TAG} for n in range(2)]
        world.post("clients/bulk/", people)
        now = datetime.now(UTC)
        times = {"starts_at": now.isoformat(), "ends_at": f"{DAY}T20:00:00+03:00"}
        hours = {
            "local_hours": {
                "from": f"{now + timedelta(hours=8):%H}:00",
                "until": f"{now + timedelta(hours=9):%H}:00",
            }
        }
        body = {"name": "Slow", "text": "Hello", "filter": FILTER, **times, **hours}
        number = int(world.post("mailings/", body)["id"])
        enlisted = "SELECT 1 FROM mailings_mailing WHERE id = %s AND enlisted_at IS NOT NULL"
        wait_until(lambda: world.rows(enlisted, number), seconds=30)
        world.post(f"mailings/{number}/pause/")
        return number

    return int(
        world.subject(
            key, make, "SELECT 1 FROM mailings_mailing WHERE id = %s AND state = 'paused'"
        )
    )


def change_of(world: World) -> list[tuple[Any, ...]]:
    return world.rows(
        "SELECT name, rate_limit, ends_at FROM mailings_mailing WHERE id = %s", paused(world)
    )


def change_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    ends, name = moment(shown.one("ends_at")), shown.one("name").strip()
    is_wrong = ends is REFUSED or rate(shown) is REFUSED or len(name) > 200
    if is_wrong or ends <= datetime.now(UTC):
        return REFUSED
    if before[0][0] == "Theirs":
        return REFUSED if name != "Slow" else [("Theirs", rate(shown), ends)]
    return [(name, rate(shown), ends)]


def slow_again(world: World) -> str:
    number = paused(world)
    world.run(
        "UPDATE mailings_mailing SET name = 'Slow', rate_limit = 7, ends_at = %s WHERE id = %s",
        f"{DAY} 20:00+03",
        number,
    )
    return f"/mailings/{number}/change/"


def somebody_renames(world: World) -> None:
    world.run("UPDATE mailings_mailing SET name = 'Theirs' WHERE id = %s", paused(world))


CHANGE_WRONG = {"name": [LONG], "ends_at": ["soon", "", "2020-01-01 10:00"]}
CHANGE_CONTRADICTIONS = (*CONTRADICTIONS[6:], {"rate": "provider"})
CHANGE = Form(
    "change of a paused mailing",
    slow_again,
    change_of,
    change_as_shown,
    good={"name": "Slower", "rate": "limit", "rate_limit": "3"},
    wrong=CHANGE_WRONG,
    contradictions=CHANGE_CONTRADICTIONS,
    meanwhile=somebody_renames,
)


def opens_the_dialog(page: Page) -> None:
    page.locator("#change-mailing").click()
    page.locator("dialog[open] form, main form[action$='/change/']").first.wait_for()


CHANGE_DIALOG = Form(
    "change of a paused mailing, in its dialog",
    lambda world: slow_again(world).replace("/change/", "/"),
    change_of,
    change_as_shown,
    good={"name": "Slower", "rate": "limit", "rate_limit": "3"},
    wrong={"ends_at": ["soon"]},
    contradictions=CHANGE_CONTRADICTIONS[:2],
    form="form[action$='/change/']",
    prepares=opens_the_dialog,
)


def text_of(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT text FROM mailings_mailing WHERE id = %s", paused(world))


NEW_TEXT = Form(
    "new text of a paused mailing",
    lambda world: f"/mailings/{paused(world)}/text/",
    text_of,
    lambda _world, shown, before: (
        REFUSED if text(shown) is REFUSED or (text(shown),) in before else [(text(shown),)]
    ),
    good={"text": lambda world: f"Hello {world.fresh()}"},
    wrong={"text": ["", "Hello {{ name", "x" * 2000]},
    form="main form:has([name=text])",
    button="[name=do][value=look]",
    answer="[name=do][value=give]",
)


def over(world: World) -> str:
    """One that was cancelled before it reached anybody."""
    number = paused(world, "over")
    world.post(f"mailings/{number}/cancel/")
    cancelled = "SELECT 1 FROM dispatch_message WHERE mailing_id = %s AND state = 'cancelled'"
    wait_until(lambda: world.rows(cancelled, number), seconds=30)
    return f"/mailings/{number}/again/"


def sent_again(world: World) -> list[Any]:
    return world.rows(
        "SELECT text, starts_at, ends_at, provider, filter->'again'->'states' "
        "FROM mailings_mailing WHERE filter ? 'again' ORDER BY id"
    )


def again_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    when, states = window(shown), shown.get("states", [])
    parts = (text(shown), provider(shown))
    if when is REFUSED or REFUSED in parts or not states:
        return REFUSED
    return [*before, (parts[0], *when, parts[1], states)]


def over_once(world: World) -> str:
    if "over_page" not in world.subjects:
        world.subjects["over_page"] = over(world)
    return str(world.subjects["over_page"])


SEND_AGAIN = Form(
    "sent again to those not reached",
    over_once,
    sent_again,
    again_as_shown,
    good={
        "states": "cancelled",
        "text": "Once more",
        "starts": "later",
        "starts_at": f"{DAY} 10:00",
        "ends_at": f"{DAY} 21:00",
    },
    wrong={"text": ["", "Hello {{ name"], "ends_at": ["soon"], "provider": [GONE]},
    contradictions=CONTRADICTIONS[:3],
    form="main form:has([name=text])",
    button="[name=do][value=send]",
    answer="#confirmation [name=do][value=send]",
)


def action(name: str, target: str, meanwhile: Callable[[World], None]) -> Form:
    """An action that is confirmed on its own page; what it says may be true no more."""

    def opens(world: World) -> str:
        number = paused(world, name)
        if name == "pause":
            world.post(f"mailings/{number}/resume/")
        return f"/mailings/{number}/{name}/"

    def state(world: World) -> list[tuple[Any, ...]]:
        return world.rows("SELECT state FROM mailings_mailing WHERE id = %s", world.subjects[name])

    def meant(_world: World, _shown: Shown, before: Any) -> Any:
        return REFUSED if before[0][0] in ("cancelled", "finished") else [(target,)]

    return Form(
        f"order to {name}",
        opens,
        state,
        meant,
        meanwhile=meanwhile,
        form="main form[method=post]",
        button="button:not([hidden])",
        answer="main form:has([name=seen]) button:not([hidden])",
    )


def cancelled_elsewhere(key: str) -> Callable[[World], None]:
    return lambda world: world.post(f"mailings/{world.subjects[key]}/cancel/")


def resumed_elsewhere(world: World) -> None:
    world.post(f"mailings/{world.subjects['cancel']}/resume/")


MAILINGS = (
    MAILING_DRAFT,
    MAILING_NEW,
    MAILING_EDIT,
    CHANGE,
    CHANGE_DIALOG,
    NEW_TEXT,
    SEND_AGAIN,
    action("pause", "paused", cancelled_elsewhere("pause")),
    action("resume", "running", cancelled_elsewhere("resume")),
    action("cancel", "cancelled", resumed_elsewhere),
)

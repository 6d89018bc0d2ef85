"""The forms about clients, for `test_meaning.py`."""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.browser.meaning import GONE, REFUSED, Form, Shown, World

NUMBER = re.compile(r"-?\d+(\.\d+)?")
LONG = "x" * 300
LONGEST_TAG, LONGEST_REASON = 100, 200
#: Not known of imports, whose rows are read whenever the worker comes to them.
OWN = "7926%"


def written_phone(world: World) -> str:
    """A number that no client has, as people write it."""
    digits = f"{world.fresh():07}"
    return f"8 926 {digits[:3]}-{digits[3:5]}-{digits[5:]}"


def phone_of(text: str) -> str | None:
    digits = re.sub(r"[\s()+-]", "", text)
    if re.fullmatch(r"[78]9\d{9}", digits):
        return f"7{digits[1:]}"
    return f"7{digits}" if re.fullmatch(r"9\d{9}", digits) else None


def clients(world: World) -> dict[str, Any]:
    rows = world.rows(
        "SELECT phone_number, tag, attributes FROM audience_client WHERE phone_number LIKE %s", OWN
    )
    return {phone: (tag, attributes) for phone, tag, attributes in rows}


def attributes_of(shown: Shown) -> Any:
    """What the rows of attributes say."""
    found: dict[str, Any] = {}
    for key in shown:
        row = re.fullmatch(r"(attribute-\d+)-name", key)
        if row is None:
            continue
        name, kind, text = (shown.one(f"{row[1]}-{part}") for part in ("name", "kind", "value"))
        value = _value(kind, text)
        if not name and not text:
            continue
        if not name or name in found or value is REFUSED:
            return REFUSED
        found[name] = value
    return found


def _value(kind: str, text: str) -> Any:
    if kind == "text":
        return text
    if kind == "number" and NUMBER.fullmatch(text):
        return json.loads(text)
    return REFUSED


def client_as_shown(world: World, shown: Shown, before: Any) -> Any:
    phone, attributes = phone_of(shown.one("phone_number")), attributes_of(shown)
    own = world.subjects.get("client") if world.subjects.get("is_change") else None
    others = {number: rest for number, rest in before.items() if number != own}
    is_wrong = (
        phone is None
        or phone in others
        or attributes is REFUSED
        or not re.fullmatch(r"(\d{3})?", shown.one("operator_code"))
        or shown.one("timezone") == GONE
        or len(shown.one("tag")) > LONGEST_TAG
    )
    return REFUSED if is_wrong else {**others, str(phone): (shown.one("tag").strip(), attributes)}


def adds(world: World) -> str:
    world.subjects["is_change"] = False
    return "/clients/add/"


def changes(world: World) -> str:
    """One that is as it was in the beginning."""
    if old := world.subjects.pop("client", None):
        world.run("DELETE FROM audience_client WHERE phone_number = %s", old)
    phone = f"7926{world.fresh():07}"
    body = {"phone_number": phone, "tag": "vip", "attributes": {"age": 30}}
    made = world.post("clients/", body)
    world.subjects |= {"client": phone, "is_change": True}
    return f"/clients/{made['id']}/edit/"


def somebody_tags(world: World) -> None:
    phone = world.subjects["client"]
    world.run("UPDATE audience_client SET tag = 'theirs' WHERE phone_number = %s", phone)


def changed_as_shown(world: World, shown: Shown, before: Any) -> Any:
    meant = client_as_shown(world, shown, before)
    theirs = before.get(world.subjects["client"], ("", {}))[0] == "theirs"
    if meant is REFUSED or not theirs or shown.one("tag") != "vip":
        return REFUSED if theirs else meant
    phone = phone_of(shown.one("phone_number"))  # what was not touched stays as another made it
    return meant | {phone: ("theirs", meant[phone][1])}


ATTRIBUTES = ("#add-attribute", "**/clients/**")
CLIENT_WRONG = {
    "phone_number": ["123", "nobody", "8 926 12-3x"],
    "operator_code": ["9a", "12"],
    "tag": [LONG],
    "timezone": [GONE],
    "attribute-0-kind": [GONE],
}
CONFLICTING = (
    {"attribute-0-name": "", "attribute-0-value": "lost"},
    {"attribute-0-name": "age", "attribute-0-kind": "number", "attribute-0-value": "many"},
    {"attribute-0-name": "age", "attribute-0-kind": "json", "attribute-0-value": "{"},
)
CLIENT_ADD = Form(
    "client that is added",
    adds,
    clients,
    client_as_shown,
    good={"phone_number": written_phone, "tag": "gold", "attribute-0-name": "city"},
    wrong=CLIENT_WRONG,
    contradictions=CONFLICTING,
    form="main form:has([name=phone_number])",
    button=".actions button.is-primary",
    enter_saves=True,
    builder=ATTRIBUTES,
)
CLIENT_EDIT = Form(
    "client that is changed",
    changes,
    clients,
    changed_as_shown,
    good={"attribute-0-value": "31"},
    wrong=CLIENT_WRONG,
    contradictions=CONFLICTING,
    meanwhile=somebody_tags,
    form="main form:has([name=phone_number])",
    button=".actions button.is-primary",
    enter_saves=True,
    builder=ATTRIBUTES,
)


def stopped(world: World) -> dict[str, str]:
    rows = world.rows(
        "SELECT phone_number, reason FROM audience_stoplistentry WHERE phone_number LIKE %s", OWN
    )
    return dict(rows)


def numbers_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    parts = re.split(r"[,;\n]+", shown.one("numbers"))
    phones = [phone_of(part) for part in parts if part.strip()]
    if not phones or None in phones or len(shown.one("reason")) > LONGEST_REASON:
        return REFUSED
    return {**{str(phone): shown.one("reason").strip() for phone in phones}, **before}


STOP_LIST = Form(
    "numbers onto the stop list",
    lambda _: "/stop-list/",
    stopped,
    numbers_as_shown,
    good={"numbers": written_phone, "reason": "asked"},
    wrong={"numbers": ["12", "8 926 000-00-01, nobody", ""], "reason": [LONG]},
    form="main form:has([name=numbers])",
)


def a_client(world: World) -> str:
    phone = f"7926{world.fresh():07}"
    world.subjects["stopped"] = phone
    return str(world.post("clients/", {"phone_number": phone})["id"])


def reason_as_shown(world: World, shown: Shown, before: Any) -> Any:
    reason = shown.one("reason")
    gone = not world.rows(
        "SELECT 1 FROM audience_client WHERE phone_number = %s", world.subjects["stopped"]
    )
    if gone or len(reason) > LONGEST_REASON:
        return REFUSED
    return {world.subjects["stopped"]: reason.strip(), **before}


CLIENT_STOP = Form(
    "client onto the stop list",
    lambda world: f"/clients/{a_client(world)}/stop/",
    stopped,
    reason_as_shown,
    good={"reason": "by telephone"},
    wrong={"reason": [LONG]},
)


def erased(world: World) -> str:
    return f"/clients/{a_client(world)}/erase/"


def gone_elsewhere(table: str, key: str) -> Callable[[World], None]:
    statement = f"DELETE FROM {table} WHERE phone_number = %s"
    return lambda world: world.run(statement, world.subjects[key])


def without_it(world: World, _shown: Shown, before: Any) -> Any:
    return {phone: rest for phone, rest in before.items() if phone != world.subjects["stopped"]}


CLIENT_ERASE = Form(
    "client who is erased",
    erased,
    clients,
    without_it,
    meanwhile=gone_elsewhere("audience_client", "stopped"),
    button="button.is-danger",
    form="main form[action$='/erase/']",
    user="admin",
)


def on_the_stop_list(world: World) -> str:
    phone = f"7926{world.fresh():07}"
    world.subjects["stopped"] = phone
    world.post("stop-list/", {"phone_numbers": [phone], "reason": "asked"})
    query = "SELECT id FROM audience_stoplistentry WHERE phone_number = %s"
    return f"/stop-list/{world.rows(query, phone)[0][0]}/remove/"


STOP_REMOVE = Form(
    "number off the stop list",
    on_the_stop_list,
    stopped,
    without_it,
    meanwhile=gone_elsewhere("audience_stoplistentry", "stopped"),
    button="button.is-danger",
    form="main form[action$='/remove/']",
    user="admin",
)


def several(does: str) -> Any:
    def opens(world: World) -> str:
        phones = [f"7926{world.fresh():07}" for _ in range(2)]
        made = world.post("clients/bulk/", [{"phone_number": one, "tag": "old"} for one in phones])
        world.subjects["several"] = phones
        ids = "&".join(f"id={result['id']}" for result in made["results"])
        return f"/clients/bulk/?does={does}&{ids}"

    return opens


def of_several(world: World) -> list[tuple[Any, ...]]:
    return world.rows(
        "SELECT c.phone_number, c.tag, s.reason FROM audience_client c "
        "LEFT JOIN audience_stoplistentry s USING (phone_number) "
        "WHERE phone_number = ANY(%s) ORDER BY 1",
        world.subjects["several"],
    )


def one_is_gone(world: World) -> None:
    phone = world.subjects["several"][0]
    world.run("DELETE FROM audience_client WHERE phone_number = %s", phone)


def tagged_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    tag = shown.one("new_tag").strip()
    if len(before) != 2 or len(tag) > LONGEST_TAG:
        return REFUSED
    return [(phone, tag, reason) for phone, _, reason in before]


def stopped_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    reason = shown.one("reason").strip()
    if len(before) != 2 or len(reason) > LONGEST_REASON:
        return REFUSED
    return [(phone, tag, reason) for phone, tag, _ in before]


def deleted_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    return [] if shown.one("typed").strip() == str(len(before)) == "2" else REFUSED


BULK_TAG = Form(
    "tag of several clients",
    several("tag"),
    of_several,
    tagged_as_shown,
    good={"new_tag": "new"},
    wrong={"new_tag": [LONG]},
    meanwhile=one_is_gone,
)
BULK_STOP = Form(
    "several clients onto the stop list",
    several("stop"),
    of_several,
    stopped_as_shown,
    good={"reason": "asked"},
    wrong={"reason": [LONG]},
    meanwhile=one_is_gone,
)
BULK_DELETE = Form(
    "several clients deleted",
    several("delete"),
    of_several,
    deleted_as_shown,
    good={"typed": "2"},
    wrong={"typed": ["", "two", "3", "2e0"]},
    meanwhile=one_is_gone,
    form="main form:has([name=typed])",
    button="button.is-danger",
    user="admin",
)


CLIENTS = (
    CLIENT_ADD,
    CLIENT_EDIT,
    STOP_LIST,
    CLIENT_STOP,
    CLIENT_ERASE,
    STOP_REMOVE,
    BULK_TAG,
    BULK_STOP,
    BULK_DELETE,
)

"""The forms of settings, audiences, imports and accounts, for `test_meaning.py`."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Page

from tests.browser.meaning import GONE, REFUSED, Form, Shown, World
from tests.browser.meaning_clients import LONG, phone_of
from tests.browser.meaning_mailings import text
from vestnik.dashboard.wording.zones import OWN

ROLES = ("viewer", "operator", "admin")


@dataclass(frozen=True, eq=False)
class HashOf:
    """Equal to what is stored of a password; where it is empty, of one that was made up."""

    password: str
    old: str = ""

    def __eq__(self, stored: object) -> bool:
        if not isinstance(stored, str) or stored == self.old:
            return False
        return verifies(self.password, stored) if self.password else stored.startswith("pbkdf2_")

    def __hash__(self) -> int:
        return hash(self.password)


@cache
def verifies(password: str, stored: str) -> bool:
    """It takes half a second."""
    return PBKDF2PasswordHasher().verify(password, stored)


# --- audiences ---------------------------------------------------------------------------------

RANGE = {"tags": ["vip"], "attributes": {"age": {"gte": 18, "lte": 30}}}
NUMBER = re.compile(r"-?\d+")


def audiences(world: World) -> dict[str, Any]:
    return dict(world.rows("SELECT name, filter FROM audience_savedaudience"))


def filter_as_shown(shown: Shown) -> Any:
    """Of a tag and of a range, as `RANGE` is; or of nothing."""
    found: dict[str, Any] = {}
    for row in ("include-0", "include-1"):
        if f"{row}-what" in shown:
            part = _part(shown, row)
            if part is REFUSED:
                return REFUSED
            found |= part
    return found


def _part(shown: Shown, row: str) -> Any:
    values = [value for value in shown.get(f"{row}-values", []) if value]
    bounds = {end: shown.one(f"{row}-{end}") for end in ("gte", "lte")}
    match shown.one(f"{row}-what"):
        case "tag":
            return {"tags": values} if values else REFUSED
        case "range":
            return _range(shown.one(f"{row}-name"), bounds)
    return REFUSED


def _range(name: str, bounds: dict[str, str]) -> Any:
    given = {end: bound for end, bound in bounds.items() if bound}
    if not name or not given or not all(map(NUMBER.fullmatch, given.values())):
        return REFUSED
    numbers = {end: int(bound) for end, bound in given.items()}
    is_empty = len(numbers) == 2 and numbers["gte"] > numbers["lte"]
    return REFUSED if is_empty else {"attributes": {name: numbers}}


def audience_as_shown(world: World, shown: Shown, before: Any) -> Any:
    name, said = shown.one("name").strip(), filter_as_shown(shown)
    is_new = world.subjects["audience_name"] is None
    # One that is changed may have its new name by now: Back after it was saved.
    others = {name: filter for name, filter in before.items() if is_new or name == "Meant"}
    if not name or len(name) > 200 or name in others or said is REFUSED:
        return REFUSED
    return {**others, name: said}


def new_audience(world: World) -> str:
    world.subjects["audience_name"] = None
    return "/clients/audiences/new/"


def changed_audience(world: World) -> str:
    world.run("DELETE FROM audience_savedaudience WHERE name <> 'Meant'")
    made = world.post("audiences/", {"name": "Young", "filter": RANGE})
    world.subjects |= {"audience": made["id"], "audience_name": "Young"}
    return f"/clients/audiences/{made['id']}/"


def audience_goes(world: World) -> None:
    world.run(
        "UPDATE audience_savedaudience SET filter = %s WHERE id = %s",
        '{"tags": ["theirs"]}',
        world.subjects["audience"],
    )


def audience_after_another(world: World, shown: Shown, before: Any) -> Any:
    meant = audience_as_shown(world, shown, before)
    if meant is REFUSED or before.get("Young") != {"tags": ["theirs"]}:
        return meant
    name = shown.one("name").strip()  # the conditions were not touched: they stay as they are
    return meant | {name: {"tags": ["theirs"]}}


BUILDER = ("#add-include", "**/audiences/builder/")
SAVE = "[name=do][value=save]"
AUDIENCE_NEW = Form(
    "audience that is made",
    new_audience,
    audiences,
    audience_as_shown,
    good={"name": lambda world: f"Audience {world.fresh()}"},
    wrong={"name": ["", LONG, "Meant"]},
    form="main form:has([name=name])",
    button=SAVE,
    builder=BUILDER,
)
AUDIENCE_EDIT = Form(
    "audience that is changed",
    changed_audience,
    audiences,
    audience_after_another,
    good={"name": "Younger"},
    wrong={
        "name": ["", "Meant"],
        "include-0-values": [""],
        "include-0-what": [GONE],
        "include-1-gte": ["many", "18-"],
        "include-1-name": [""],
    },
    contradictions=({"include-1-gte": "40", "include-1-lte": "20"},),
    meanwhile=audience_goes,
    form="main form:has([name=name])",
    button=SAVE,
    builder=BUILDER,
)
AUDIENCE_DELETE = Form(
    "audience that is deleted",
    lambda world: f"{changed_audience(world)}delete/",
    audiences,
    lambda _world, _shown, before: {k: v for k, v in before.items() if k != "Young"},
    form="main form",
    button="button.is-danger",
)

# --- imports -----------------------------------------------------------------------------------

FILE = "phone;who\n79165550001;Anna\n"
TITLES = ("phone", "who")


def imports(world: World) -> list[Any]:
    """How many there are, and what is known of the last one."""
    return world.rows(
        """SELECT count(*), (array_agg(array["into", file_name, size::text] ORDER BY id DESC))[1:1]
        FROM audience_import"""
    )


def uploaded_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    """Where a file is chosen there is one more, and nothing is read of it yet."""
    last = [[shown.one("into"), "a.csv", str(len(FILE))]]
    return [(before[0][0] + 1, last)] if shown.one("file") else REFUSED


IMPORT_FILE = Form(
    "file that is handed in",
    lambda _: "/clients/import/",
    imports,
    uploaded_as_shown,
    good={"into": "clients", "file": FILE},
    contradictions=({"file": ""}, {"into": "stop_list"}),
    form="main form[enctype]",
    enter_saves=True,
)


FORMAT = ("encoding", "separator", "numbers_without_code", "numbers_without_sms")


def started(world: World) -> Any:
    """How the last file is read, once it is started."""
    options = world.rows(
        "SELECT CASE WHEN state <> 'draft' THEN options END FROM audience_import "
        "ORDER BY id DESC LIMIT 1"
    )[0][0]
    if options is None:
        return None
    columns = options["mapping"].values()
    types = options.get("types", {}).items()
    used = {name: type for name, type in types if f"attributes.{name}" in columns}
    return {**options, "types": used}


def hands_in(page: Page) -> None:
    file = {"name": "a.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    page.locator("main form[enctype] input[type=file]").set_input_files(file)
    page.locator("main form[enctype] button.is-primary").click()
    page.locator("#mapping").wait_for()


def columns_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    said = [_column(shown, number) for number in (1, 2)]
    chosen = [meaning for meaning in said if meaning]
    if before is not None:
        return before
    is_gone = any(GONE in values for values in shown.values())
    if is_gone or said.count("phone_number") != 1 or len(set(chosen)) != len(chosen):
        return REFUSED
    types = {
        meaning.removeprefix("attributes."): shown.one(f"column-{number}-type")
        for number, meaning in enumerate(said, start=1)
        if meaning.startswith("attributes.")
    }
    return {
        **{part: shown.one(part) for part in FORMAT},
        "header_line": int(shown.one("header_line")),
        "mapping": {"1": said[0], "2": said[1]},
        "types": {name: type for name, type in types.items() if type != "recognised"},
    }


def _column(shown: Shown, number: int) -> str:
    meaning = shown.one(f"column-{number}-meaning")
    if meaning != "attribute":
        return meaning
    return f"attributes.{shown.one(f'column-{number}-name').strip() or TITLES[number - 1]}"


IMPORT_COLUMNS = Form(
    "columns of a file",
    lambda _: "/clients/import/",
    started,
    columns_as_shown,
    good={"column-2-meaning": "attribute", "column-2-name": "first"},
    wrong={
        "column-1-meaning": ["", GONE],
        "column-2-meaning": ["phone_number", GONE],
        "column-2-type": [GONE],
        "encoding": [GONE],
    },
    contradictions=({"numbers_without_code": "refuse"}, {"column-2-type": "text"}),
    form="#mapping",
    says="#problem .notice",
    button="[name=start]",
    prepares=hands_in,
)


# --- settings ----------------------------------------------------------------------------------


def stored_test_sends(world: World) -> list[Any]:
    return world.rows(
        "SELECT m.text, d.phone_number FROM mailings_mailing m "
        "JOIN dispatch_message d ON d.mailing_id = m.id WHERE m.is_test ORDER BY m.id"
    )


def sent_test_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    phone, written = phone_of(shown.one("phone_number")), text(shown)
    if phone is None or written is REFUSED or len(written) > 500:
        return REFUSED
    return [*before, (written, phone)]


TEST_PROVIDER = Form(
    "test of a provider",
    lambda _: "/settings/providers/quiet/test/",
    stored_test_sends,
    sent_test_as_shown,
    good={"phone_number": "+7 926 555-00-00", "text": "A test"},
    wrong={"phone_number": ["12", "nobody", ""], "text": ["", "Hello {{ name"]},
    form="main form:has([name=phone_number])",
)


def users(world: World) -> dict[str, Any]:
    rows = world.rows("SELECT username, role, is_active, password FROM access_user")
    return {name: tuple(rest) for name, *rest in rows}


def user_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    name, role, password = (shown.one(part) for part in ("username", "role", "password"))
    is_wrong = (
        not re.fullmatch(r"[\w.@+-]{1,150}", name)
        or name.casefold() in map(str.casefold, before)
        or role not in ROLES
        or (password and (len(password) < 8 or password.isdigit()))
    )
    return REFUSED if is_wrong else {**before, name: (role, True, HashOf(password))}


ADD_USER = Form(
    "user that is added",
    lambda _: "/settings/users/add/",
    users,
    user_as_shown,
    good={"username": lambda world: f"user{world.fresh()}", "role": "viewer"},
    wrong={
        "username": ["", "with space", "Admin"],
        "role": [GONE],
        "password": ["12345678", "short"],
    },
    form="main form:has([name=username])",
    user="admin",
)


def somebody(world: World) -> str:
    """A user whose role and password may change."""
    world.run("DELETE FROM access_user WHERE username = 'somebody'")
    world.run(
        "INSERT INTO access_user (username, role, is_active, password, is_superuser, is_staff, "
        "first_name, last_name, email, date_joined, timezone) "
        "VALUES ('somebody', 'viewer', true, '!', false, false, '', '', '', now(), '')"
    )
    number = world.rows("SELECT id FROM access_user WHERE username = 'somebody'")[0][0]
    return f"/settings/users/{number}/"


def role_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    role, rest = shown.one("role"), before["somebody"][1:]
    return {**before, "somebody": (role, *rest)} if role in ROLES else REFUSED


def password_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    password, (role, is_active, old) = shown.one("password"), before["somebody"]
    if password and (len(password) < 8 or password.isdigit()):
        return REFUSED
    return {**before, "somebody": (role, is_active, HashOf(password, old))}


ROLE = Form(
    "role of a user",
    somebody,
    users,
    role_as_shown,
    good={"role": "operator"},
    wrong={"role": [GONE]},
    form="main form[action$='/role/']",
    user="admin",
)
SET_PASSWORD = Form(
    "password of a user",
    somebody,
    users,
    password_as_shown,
    good={"password": "purple giraffe window"},
    wrong={"password": ["12345678", "short"]},
    form="main form[action$='/password/']",
    button="button:not([hidden])",
    user="admin",
)
BLOCK = Form(
    "user who is blocked",
    somebody,
    users,
    lambda _world, _shown, before: {
        **before,
        "somebody": (before["somebody"][0], False, before["somebody"][2]),
    },
    form="main form[action$='/deactivate/']",
    button="button.is-danger",
    user="admin",
)


def keys(world: World) -> list[Any]:
    return world.rows("SELECT name, role, revoked_at IS NULL FROM access_apikey ORDER BY id")


def key_as_shown(_world: World, shown: Shown, before: Any) -> Any:
    name, role = shown.one("name").strip(), shown.one("role")
    is_wrong = not name or len(name) > 100 or role not in ROLES
    return REFUSED if is_wrong else [*before, (name, role, True)]


API_KEY = Form(
    "API key that is made",
    lambda _: "/settings/keys/",
    keys,
    key_as_shown,
    good={"name": "shop", "role": "viewer"},
    wrong={"name": ["", LONG], "role": [GONE]},
    form="main form:has([name=name])",
    user="admin",
)


def a_key(world: World) -> str:
    world.run("DELETE FROM access_apikey WHERE name = 'old'")
    key = world.rows(
        "INSERT INTO access_apikey (name, role, digest, hint, created_at) "
        "VALUES ('old', 'viewer', md5(random()::text), 'abcd', now()) RETURNING id"
    )[0][0]
    return f"/settings/keys/{key}/revoke/"


REVOKE = Form(
    "API key that is revoked",
    a_key,
    keys,
    lambda _world, _shown, before: [
        (name, role, is_live and name != "old") for name, role, is_live in before
    ],
    form="main form",
    button="button.is-danger",
    user="admin",
)


def zones(world: World) -> list[Any]:
    return world.rows("SELECT timezone FROM access_user WHERE username = 'viewer'")


def zone_as_shown(_world: World, shown: Shown, _before: Any) -> Any:
    zone = shown.one("timezone")
    if GONE in (zone, shown.one("language"), shown.one("theme")):
        return REFUSED
    return [("" if zone == OWN else zone,)]


PREFERENCES = Form(
    "preferences",
    lambda _: "/account/",
    zones,
    zone_as_shown,
    good={"timezone": "Asia/Omsk", "language": "en", "theme": "light"},
    wrong={"timezone": [GONE], "language": [GONE], "theme": [GONE]},
    form="main form:has([name=timezone])",
    user="viewer",
    enter_saves=True,
)
OWN_PASSWORD = Form(
    "own password",
    lambda _: "/account/",
    lambda world: world.rows("SELECT password FROM access_user WHERE username = 'viewer'"),
    lambda *_: REFUSED,
    good={"old_password": "wrong", "new_password1": "purple giraffe", "new_password2": "purple"},
    contradictions=({"new_password2": ""}, {"old_password": ""}),
    form="main form[action$='/password/']",
    user="viewer",
    enter_saves=True,
    is_always_refused=True,
)
SETTINGS = (
    AUDIENCE_NEW,
    AUDIENCE_EDIT,
    AUDIENCE_DELETE,
    IMPORT_FILE,
    IMPORT_COLUMNS,
    TEST_PROVIDER,
    ADD_USER,
    ROLE,
    SET_PASSWORD,
    BLOCK,
    API_KEY,
    REVOKE,
    PREFERENCES,
    OWN_PASSWORD,
)

"""A system that is used: clients, an import, the stop list, mailings in many states."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Browser

from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

CITIES = ("Казань", "Уфа", "Омск", "Пермь", "Самара", "Тула")
NAMES = ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Захар", "Ирина", "Кирилл")
TAGS = ("vip", "новые", "бизнес", "")
FILE = "телефон;имя\n89261234567;Анна\n+7 (926) 765-43-21;Олег\n12345;Борис\n;Вера\n"


def fill(
    browser: Browser, stack: RunningStack, clients: int = 300, *, lasts: int = 150
) -> dict[str, Any]:
    """Make a little of everything; the ids by name. The running mailing lasts so many seconds."""
    make_clients(stack, clients)
    post(stack, "stop-list/", {"phone_numbers": [phone(number) for number in (7, 8, 9)]})
    audience = post(stack, "audiences/", {"name": "Казань, VIP", "filter": {"tags": ["vip"]}})
    finished = mailing(
        stack,
        name="Скидка выходного дня",
        text='{{ name|default:"Здравствуйте" }}, в эти выходные −20 % на всё. Отказ: СТОП',
    )
    running = mailing(
        stack,
        name="Опрос клиентов",
        text="Как вам наш магазин? Ответьте цифрой от 1 до 5.",
        rate_limit=max(1, clients // lasts),
    )
    scheduled = mailing(stack, name="Доброе утро", text="Доброе утро!", starts_in=57_600)
    cancelled = mailing(stack, name="Черновик акции", text="Акция", starts_in=7_200)
    post(stack, f"mailings/{cancelled}/cancel/")
    imported = import_file(browser, stack)
    wait_until(lambda: state_of(stack, finished) == "finished", 120)
    return {
        "finished": finished,
        "running": running,
        "scheduled": scheduled,
        "audience": audience["id"],
        "imported": imported,
        "client": stack.sql("SELECT min(id) FROM audience_client")[0][0],
        "user": stack.sql("SELECT id FROM access_user WHERE username = 'viewer'")[0][0],
        "key": stack.sql("SELECT min(id) FROM access_apikey")[0][0],
    }


def phone(number: int) -> str:
    return f"79{(5, 16, 26)[number % 3]:02}{number:07}"


def make_clients(stack: RunningStack, count: int, tag: str | None = None) -> None:
    """So many, of several tags or of the one that is given."""
    chance = random.Random(7)
    people = [
        {
            "phone_number": phone(number),
            "tag": chance.choice(TAGS) if tag is None else tag,
            "attributes": {"name": chance.choice(NAMES), "city": chance.choice(CITIES)},
        }
        for number in range(count)
    ]
    for start in range(0, count, 1_000):
        post(stack, "clients/bulk/", people[start : start + 1_000])


def post(stack: RunningStack, path: str, body: object = None) -> Any:
    """What the API makes of it."""
    answer = stack.api("POST", path, body if body is not None else {})
    assert answer.status < 300, answer
    return answer.body


def mailing(stack: RunningStack, *, starts_in: float = 0, **fields: Any) -> int:
    """Schedule a mailing; its number."""
    starts = datetime.now(UTC) + timedelta(seconds=starts_in)
    window = {"starts_at": starts, "ends_at": starts + timedelta(hours=8)}
    given = {name: at.isoformat() for name, at in window.items()}
    return int(post(stack, "mailings/", {"filter": {}, **given, **fields})["id"])


def state_of(stack: RunningStack, number: int) -> str:
    return str(stack.api("GET", f"mailings/{number}/").body["state"])


def import_file(browser: Browser, stack: RunningStack) -> int:
    """An import of which some rows are refused."""
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {stack.key}"})
    file = {"name": "клиенты.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    answer = context.request.post(
        f"{stack.address}/api/v1/clients/imports/", multipart={"file": file}
    )
    assert answer.status < 300, answer.text()
    number = int(answer.json()["id"])
    context.close()
    wait_until(lambda: import_state(stack, number) == "done", 120)
    return number


def import_state(stack: RunningStack, number: int) -> str:
    return str(stack.api("GET", f"clients/imports/{number}/").body["state"])

"""Times of counting a filter and previewing a mailing over 1,000,000 clients, by HTTP.

It also checks that the mailing then does what the preview shows.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench import shapes
from bench.report import Report
from tests.pipeline.mailings import create, instant, wait_ended, with_retries
from tests.stack.running import RunningStack

REPEATS = 5
MAKE = """
INSERT INTO audience_client (phone_number, operator_code, tag, timezone, attributes)
SELECT (79000000000 + n)::text, (900 + n %% 100)::text,
    CASE WHEN n %% 10 = 0 THEN 'vip' ELSE 'tag' || n %% 7 END,
    (ARRAY['Europe/Moscow', 'Asia/Omsk', 'Asia/Vladivostok'])[1 + n %% 3],
    jsonb_build_object(
        'city', (ARRAY['Москва', 'Казань', 'Омск', 'Самара', 'Чита'])[1 + n %% 5],
        'age', 18 + n %% 60, 'born', date '1960-01-01' + (n %% 16000)::int
    ) || CASE WHEN n %% 50 = 0 THEN '{}' ELSE jsonb_build_object('name', 'Анна ' || n) END
FROM generate_series(1, %s) n
"""
STOP = """
INSERT INTO audience_stoplistentry (phone_number, phone_hash, reason, source)
SELECT phone_number, encode(sha256(phone_number::bytea), 'hex'), '', 'api'
FROM audience_client WHERE id %% 997 = 0
"""
FILTERS: dict[str, dict[str, Any]] = {
    "everybody": {},
    "three operator codes": {"operator_codes": ["903", "926", "999"]},
    "a tag": {"tags": ["vip"]},
    "a city": {"attributes": {"city": "Казань"}},
    "one of three cities": {"attributes": {"city": ["Казань", "Омск", "Чита"]}},
    "from an age on": {"attributes": {"age": {"gte": 60}}},
    "born between two days": {"attributes": {"born": {"gte": "1980-01-01", "lte": "1989-12-31"}}},
    "who has a name": {"attributes": {"name": {"present": True}}},
    "a tag, a city and an age": {
        "tags": ["vip"],
        "attributes": {"city": "Москва", "age": {"lte": 30}},
    },
    "everybody but a city": {"exclude": {"attributes": {"city": "Москва"}}},
}
OWN = "{{ name }}, скидка 20 % до воскресенья в городе {{ city }}: подробности на сайте"
HOURS = {"local_hours": {"from": "00:00", "until": "23:59"}}
MAILINGS: dict[str, dict[str, Any]] = {
    "the same for all": {"text": "Скидка 20 % до воскресенья"},
    "a text of their own": {"text": OWN},
    "a text of their own, local hours": {"text": OWN, **HOURS},
}


def audience(stack: RunningStack, report: Report, scale: float) -> None:
    """Measure counting and previewing, with a stack of its own."""
    clients = int(1_000_000 * scale)
    with_retries(stack, "TRUNCATE audience_client, audience_stoplistentry")
    stack.sql(MAKE, (clients,))
    stack.sql(STOP)
    stack.sql("VACUUM ANALYZE audience_client")
    counts = {name: _counted(stack, asked) for name, asked in FILTERS.items()}
    previews = {name: _previewed(stack, asked) for name, asked in MAILINGS.items()}
    _tables(report, clients, counts, previews)
    _check(stack, previews["a text of their own"][1])


def _counted(stack: RunningStack, asked: dict[str, Any]) -> tuple[float, Any]:
    return _median(lambda: stack.api("POST", "audiences/count/", {"filter": asked}).body)


def _previewed(stack: RunningStack, mailing: dict[str, Any]) -> tuple[float, Any]:
    return _median(lambda: stack.api("POST", "mailings/preview/", _whole(mailing)).body)


def _whole(mailing: dict[str, Any]) -> dict[str, Any]:
    window = {"starts_at": instant(0), "ends_at": instant(3 * 24 * 3600)}
    return {"filter": {}, "provider": "null", **window, **mailing}


def _median(ask: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of the median answer, and the last answer."""
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = ask()
        took.append(time.perf_counter() - began)
    return statistics.median(took), answer


def _tables(report: Report, clients: int, counts: dict[str, Any], previews: dict[str, Any]) -> None:
    report.table(
        f"Counting a filter over {clients:,} clients, over HTTP",
        ["filter", "clients", "milliseconds"],
        [
            [name, f"{answer['matched']:,}", f"{took * 1000:.0f}"]
            for name, (took, answer) in counts.items()
        ],
    )
    report.table(
        f"Preview of a mailing to {clients:,} clients, over HTTP",
        ["mailing", "messages", "segments", "seconds"],
        [
            [name, f"{answer['messages']:,}", f"{answer['segments']:,}", f"{took:.2f}"]
            for name, (took, answer) in previews.items()
        ],
    )
    times = [took * 1000 for took, _ in counts.values()]
    report.figure("filter_count_median_ms", statistics.median(times))
    report.figure("filter_count_worst_ms", max(times))
    report.figure("preview_worst_s", max(took for took, _ in previews.values()))


def _check(stack: RunningStack, told: dict[str, Any]) -> None:
    """Check that the mailing matches its preview exactly."""
    shapes.clear(stack)
    mailing = create(stack, ends_in=3600, provider="null", text=OWN)
    progress = wait_ended(stack, mailing, seconds=600)["progress"]
    found = stack.api("GET", f"mailings/{mailing}/statistics/").body["segments"]["sent"]
    assert progress["matched"] == told["matched"]
    assert progress["suppressed"] == sum(told["excluded"].values())
    assert (progress["sent"], found) == (told["messages"], told["segments"])

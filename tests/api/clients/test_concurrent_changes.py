"""Requests that change the same clients at once are all served, or get a correct error."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests.api.caller import Caller
from tests.builders import make_client
from tests.stack.embedded_servers import wait_until
from vestnik.audience.models import Client

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = [f"7900000{n:04}" for n in range(200)]
#: At most, where the machine is too slow to do enough within the least.
LEAST_SECONDS, MOST_SECONDS = 4, 50
PAIRS = 40
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@contextmanager
def together(*jobs: Callable[[], None]) -> Iterator[None]:
    """Run the jobs in threads; return when the block and the jobs have ended."""

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(60)


def test_lists_and_deletions_side_by_side_never_wait_in_a_circle() -> None:
    caller, dice = Caller(), random.Random(12)
    statuses: Counter[int] = Counter()
    began, before = time.monotonic(), _deadlocks()

    def goes_on() -> bool:
        is_enough = statuses[200] > 10 and statuses[204] > 20
        return time.monotonic() - began < (LEAST_SECONDS if is_enough else MOST_SECONDS)

    def write() -> None:
        while goes_on():
            items = [{"phone_number": n, "tag": "x"} for n in dice.sample(NUMBERS, 150)]
            statuses[caller.post("clients/bulk/", items).status_code] += 1

    def delete() -> None:
        while goes_on():
            for client in list(Client.objects.order_by("?").values_list("id", flat=True)[:20]):
                statuses[caller.delete(f"clients/{client}/").status_code] += 1

    with together(write, write, write, delete, delete):
        pass

    assert set(statuses) <= {200, 204, 404}
    assert statuses[200] > 10
    assert statuses[204] > 20
    assert _deadlocks() == before


def test_a_list_that_loses_against_somebody_else_is_sent_again_by_itself() -> None:
    """The other transaction locks against the order of the numbers, as a change of numbers may."""
    caller = Caller()
    first, second = make_client("79000000001"), make_client("79000000002")
    answers = []

    def write() -> None:
        items = [{"phone_number": c.phone_number, "tag": "new"} for c in (first, second)]
        answers.append(caller.post("clients/bulk/", items))

    with another() as other:
        _lock(other, second.id)
        with together(write):
            wait_until(lambda: _waiting() > 0, seconds=10)
            _lock(other, first.id)
            other.commit()

    assert [answer.status_code for answer in answers] == [200]
    assert set(Client.objects.values_list("tag", flat=True)) == {"new"}


@pytest.mark.parametrize(
    ("one", "other", "becomes"),
    [
        ({"operator_code": "916"}, {"tag": "y"}, {"operator_code": "916", "tag": "y"}),
        (
            {"operator_code": "916"},
            {"phone_number": "79035550000"},
            {"operator_code": "916", "phone_number": "79035550000"},
        ),
        (
            {"timezone": "Asia/Omsk"},
            {"phone_number": "79035550000"},
            {"timezone": "Asia/Omsk", "operator_code": "903"},
        ),
        ({"timezone": "Asia/Omsk"}, {"attributes": {"n": 1}}, {"timezone": "Asia/Omsk"}),
    ],
)
def test_of_two_changes_of_a_client_at_once_none_is_lost(
    one: dict[str, Any], other: dict[str, Any], becomes: dict[str, Any]
) -> None:
    """The second request of a pair had undone the first in 63 of 150 pairs."""
    caller = Caller()
    starting = threading.Barrier(2)

    def patch(client: int, body: dict[str, Any]) -> Callable[[], None]:
        def run() -> None:
            starting.wait(30)
            assert caller.patch(f"clients/{client}/", body).status_code == 200

        return run

    for _ in range(PAIRS):
        Client.objects.all().delete()
        client = make_client("79261234567", timezone="Europe/Moscow", timezone_source="number").id
        with together(patch(client, one), patch(client, other)):
            pass
        assert Client.objects.filter(id=client, **becomes).exists()


@contextmanager
def another() -> Iterator[Any]:
    """Another session's transaction."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        yield other
    finally:
        other.rollback()
        other.close()


def _lock(other: Any, client: int) -> None:
    with other.cursor() as cursor:
        cursor.execute("SELECT FROM audience_client WHERE id = %s FOR UPDATE", [client])


def _waiting() -> int:
    return int(_value(WAITS))


def _deadlocks() -> int:
    return int(_value(DEADLOCKS))


def _value(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]

"""Redis is reached by one module, with one client for all threads of a process."""

import re
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis

import vestnik
from vestnik.db import redis_client

PACKAGE = Path(vestnik.__file__).parent


def test_no_other_module_makes_a_client() -> None:
    made = re.compile(r"\bredis\.Redis\(|\bfrom_url\(|from redis import")
    makers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if made.search(path.read_text(encoding="utf-8"))
    }
    assert makers == {"db/redis_client.py"}


def test_all_threads_share_one_client() -> None:
    clients: list[redis.Redis] = []
    threads = [Thread(target=lambda: clients.append(redis_client.client())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*{*map(id, clients)}] == [id(redis_client.client())]


def test_a_script_takes_keys_and_arguments_and_answers_text() -> None:
    assert redis_client.run_script("return {KEYS[1], ARGV[1]}", ["key"], [5]) == ["key", "5"]


@pytest.mark.parametrize(
    "call",
    [
        lambda: redis_client.client().ping(),
        lambda: redis_client.client_without_retries(0.2).ping(),
        lambda: redis_client.run_script("return 1", ["key"]),
    ],
    ids=["client", "without retries", "script"],
)
def test_the_address_of_now_is_used(settings: Any, call: Any) -> None:
    assert call()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(redis.ConnectionError):
        call()

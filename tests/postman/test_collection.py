"""The Postman collection runs from the top against a running stack, again and again."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postman import newman
from tests.stack.running import RunningStack
from vestnik.api.http.schema import document

VARIABLE = re.compile(r"\{\{?\w+\}?\}")


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    newman.ensure()
    with RunningStack(workers=1) as running:
        yield running


@pytest.mark.parametrize("time", ["first", "second"])
def test_it_runs_without_a_failure(stack: RunningStack, tmp_path: Path, time: str) -> None:
    found = newman.run(stack.address, stack.key, tmp_path / "report.json")
    print(f"newman, {time} time: {found}")
    assert found.failures == []
    assert found.assertions > 100


def test_it_has_every_operation_of_the_api() -> None:
    described = {
        (method.upper(), _shape(path))
        for path, operations in json.loads(document())["paths"].items()
        for method in operations
    }
    requested = {
        (request["method"], _shape(request["url"]["raw"])) for request in _requests(_collection())
    }
    assert described - requested == set()


def test_each_request_has_a_test() -> None:
    def tested(item: dict[str, Any]) -> bool:
        scripts = ["\n".join(event["script"]["exec"]) for event in item["event"]]
        return any("pm.test(" in script for script in scripts)

    assert [item["name"] for item in _items(_collection()) if not tested(item)] == []


def test_it_names_no_address_and_no_key() -> None:
    for text in (newman.COLLECTION.read_text(), newman.ENVIRONMENT.read_text()):
        assert text.strip()
        assert set(re.findall(r"https?://[^/\"]+", text)) <= {
            "https://schema.getpostman.com",
            "http://127.0.0.1:8000",
        }
        assert "vk_" not in text


def _shape(path: str) -> str:
    """The address without host and query, its variables alike."""
    bare = path.removeprefix("{{address}}").partition("?")[0]
    bare = bare.replace("/console/", "/{alias}/")
    return VARIABLE.sub("{}", bare)


def _collection() -> dict[str, Any]:
    collection: dict[str, Any] = json.loads(newman.COLLECTION.read_text())
    return collection


def _items(folder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder["item"]:
        if "item" in item:
            yield from _items(item)
        else:
            yield item


def _requests(folder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (item["request"] for item in _items(folder))

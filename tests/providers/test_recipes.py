"""The recipes of docs/providers.md can be built, and its tables name every option."""

import pytest
from django.test import override_settings

from tests.providers.recipes import BLOCKS, DOCS, variables
from vestnik import env
from vestnik.providers import options
from vestnik.providers.registry import build


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][2:12])
def test_a_recipe_builds(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = variables(block)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    declared = env.providers(given)
    with override_settings(SMS_PROVIDERS=declared):
        assert [build(alias).alias for alias in declared] == list(declared)


def test_there_are_recipes() -> None:
    assert len(BLOCKS) == 15


@pytest.mark.parametrize(
    ("backend", "given"),
    [
        ("http_gateway", {"url": "https://x.example"}),
        ("smsc", {"apikey": "k"}),
        ("smpp", {"host": "x", "system_id": "v"}),
    ],
)
def test_every_option_is_documented(
    backend: str, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()

    class Spy(dict[str, object]):
        def pop(self, name: str, default: object = None) -> object:
            asked.add(name)
            return super().pop(name, default)

        def get(self, name: str, default: object = None) -> object:
            asked.add(name)
            return super().get(name, default)

    monkeypatch.setattr(options, "dict", Spy, raising=False)
    with override_settings(SMS_PROVIDERS={"x": {"BACKEND": backend, "OPTIONS": given}}):
        build("x")
    assert len(asked) > 10
    text = DOCS.read_text()
    assert sorted(name for name in asked if f"`{name}`" not in text) == []

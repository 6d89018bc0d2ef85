"""The recipes of docs/providers.md, as options."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"
BLOCKS = re.findall(r"```sh\n(# .*?)```", DOCS.read_text(), re.DOTALL)
NAME = re.compile(r"SMS_PROVIDER_([A-Z]+)_([A-Z0-9_]+)")


def variables(block: str) -> dict[str, str]:
    words = shlex.split(block, comments=True)
    return dict(word.split("=", 1) for word in words)


def _options() -> Mapping[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for block in BLOCKS:
        for name, value in variables(block).items():
            match = NAME.fullmatch(name)
            assert match, name
            found.setdefault(match[1].lower(), {})[match[2].lower()] = value
    for options in found.values():
        assert options.pop("backend") == "http_gateway"
    return found


#: By alias.
RECIPES = _options()

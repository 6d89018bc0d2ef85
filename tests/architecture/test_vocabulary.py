"""Names of modules, classes and functions use the terms of docs/glossary.md, not retired ones."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.test_documentation import ROOT

#: A word of a name, and the term that replaces it.
RETIRED = {
    "alone": "advisory lock",
    "brake": "throttle",
    "chores": "maintenance",
    "composer": "PDU builder",
    "course": "batch sender",
    "crew": "send context",
    "den": "runtime directory",
    "doorkeeper": "callback authenticator",
    "ears": "deliver_sm parser",
    "flown": "handed over",
    "forgo": "release the probe",
    "hands": "provider pool",
    "hear": "parse",
    "heard": "callback result",
    "hints": "wake-ups",
    "intake": "deliver_sm queue",
    "judge": "response classifier",
    "land": "collect or resolve",
    "landed": "send result",
    "landings": "resolved counter",
    "lane": "dispatcher",
    "lanes": "dispatchers",
    "linger": "wait for work",
    "meters": "counters",
    "minds": "deferred or unknown",
    "obey": "process inbound messages",
    "pace": "rate",
    "paced": "rate-limited",
    "pacing": "rate limit",
    "passage": "submission",
    "patience": "wait",
    "pulse": "heartbeat",
    "rests": "cooldowns",
    "rounds": "poll cursors",
    "settled": "outcome batch",
    "stranded": "undeparted",
    "tails": "stragglers",
    "tick": "scheduler",
    "trial": "test send",
    "verdict": "error class or outcome policy",
    "verdicts": "error classes",
    "wish": "retry after",
}
#: Of pages, API and stack: words that other packages may use.
RETIRED_ABOVE = {
    "brake": "throttle",
    "bury": "reap",
    "consequences": "impact",
    "curve": "line chart",
    "curves": "line charts",
    "den": "runtime directory",
    "drawn": "draw",
    "facts": "summary",
    "forgive": "clear attempts",
    "hear": "handle",
    "heard": "result or next event",
    "obey": "apply",
    "orders": "actions",
    "paged": "paginate",
    "resource": "strict API view",
    "rivals": "conflicts",
    "troubles": "errors",
    "trying": "test send",
    "walk": "keyset",
    "ways": "provider statuses",
    "worded": "describe",
}
#: Of templates, of ids and classes on pages, and of style sheets, too.
RETIRED_ON_PAGES = RETIRED_ABOVE | {
    "again": "follow up",
    "agree": "confirmation",
    "doubt": "unknown",
    "flying": "in flight",
    "letter": "character",
    "letters": "segment counter",
    "tried": "test result",
}
#: The packages that are held to a list.
PACKAGES = {
    **dict.fromkeys(("db", "dispatch", "providers", "sandbox"), RETIRED),
    **dict.fromkeys(
        ("access", "api", "audience", "cli", "dashboard", "http", "mailings", "reports", "stack"),
        RETIRED_ABOVE,
    ),
}

ATTRIBUTE = re.compile(r'\b(?:id|class)="([^"]*)"')
SELECTOR = re.compile(r"[.#]([a-z][a-z-]*)(?=[^{}]*\{)")


def names_of(path: Path) -> Iterator[str]:
    """The names of a module and of its classes, functions and methods."""
    yield path.stem if path.stem != "__init__" else path.parent.name
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def names_on_pages() -> Iterator[tuple[Path, str]]:
    """The names of templates and their folders, of ids and classes, and of selectors."""
    folder = ROOT / "vestnik" / "dashboard"
    for path in sorted((folder / "templates").rglob("*")):
        yield path, path.stem
        for names in ATTRIBUTE.findall(path.read_text() if path.is_file() else ""):
            yield from ((path, name) for name in names.split())
    for path in sorted((folder / "static" / "dashboard").glob("*.css")):
        yield from ((path, name) for name in SELECTOR.findall(path.read_text()))


def words_of(name: str) -> set[str]:
    """The words of a name in snake_case or CamelCase."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_no_name_has_a_retired_word() -> None:
    paths = [
        (path, retired)
        for package, retired in PACKAGES.items()
        for path in sorted((ROOT / "vestnik" / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]

    names = [(path, name, retired) for path, retired in paths for name in names_of(path)]
    assert len(names) > 1000
    assert [
        f"{path.relative_to(ROOT)}: {name}: say {retired[word]}"
        for path, name, retired in names
        for word in sorted(words_of(name) & retired.keys())
    ] == []


def test_no_name_on_a_page_has_a_retired_word() -> None:
    names = list(names_on_pages())

    assert len(names) > 1000
    assert [
        f"{path.relative_to(ROOT)}: {name}: say {RETIRED_ON_PAGES[word]}"
        for path, name in names
        for word in sorted(words_of(name) & RETIRED_ON_PAGES.keys())
    ] == []


def test_names_are_taken_apart_into_words() -> None:
    assert words_of("_in_two_minds") == {"in", "two", "minds"}
    assert words_of("LaneThreads") == {"lane", "threads"}
    assert words_of("HTTPVerdicts2") == {"http", "verdicts"}

"""Names use the terms of docs/glossary.md, not retired ones; prose is plain technical English."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
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
#: Packages whose local names say what a value is.
NAMED = ("access", "audience", "dashboard", "mailings", "middleware", "providers", "reasons")
#: Packages whose docstrings and comments are held to plain English, and whose functions' docstrings
#: begin with a verb.
PLAIN = (*NAMED, "api", "cli", "db", "dispatch", "reports", "sandbox", "stack")
#: Tests and benchmarks whose docstrings and comments are held to plain English.
PLAIN_TESTS = ("api", "dispatch", "interleaving", "pipeline", "stack")
#: Pronouns without a subject, and archaic words.
RIDDLES = re.compile(r"\b(whoever|nobody|somebody|anybody|anew|lest|thereof)\b", re.IGNORECASE)
#: Words with which a docstring tells what is, instead of what the function does.
NOT_VERBS = frozenset(
    (
        *("A", "All", "Also", "An", "As", "At", "By", "Each", "Every", "For", "From", "How", "In"),
        *("It", "Its", "None", "Not", "Of", "On", "One", "Only", "So", "Some", "That", "The"),
        *("There", "These", "They", "This", "Those", "To", "What", "When", "Where", "Whether"),
        *("Who", "Whom", "With", "Without"),
    )
)
#: Local names that say how a value came, not what it is.
PARTICIPLES = frozenset({"found", "given", "heard", "kept", "said", "told", "wanted"})

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


def modules_of(*packages: str) -> list[Path]:
    return [
        path
        for package in packages
        for path in sorted((ROOT / "vestnik" / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_of(path: Path) -> Iterator[Function]:
    return (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, Function))


def prose_of(path: Path) -> Iterator[str]:
    """The docstrings and the comments of a module."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def is_property(function: Function) -> bool:
    names = [getattr(one, "id", getattr(one, "attr", "")) for one in function.decorator_list]
    return bool({"property", "cached_property"} & set(names))


def riddles_in(paths: Iterable[Path]) -> list[str]:
    prose = [(path, text) for path in paths for text in prose_of(path)]
    assert len(prose) > 1500
    return [
        f"{path.relative_to(ROOT)}: {found[0]}: {text[:80]}"
        for path, text in prose
        if (found := RIDDLES.search(text))
    ]


def test_docstrings_and_comments_have_no_riddles() -> None:
    assert riddles_in(modules_of(*PLAIN)) == []


def test_tests_and_benchmarks_have_no_riddles() -> None:
    folders = [ROOT / "bench", *(ROOT / "tests" / name for name in PLAIN_TESTS)]
    assert riddles_in(path for folder in folders for path in sorted(folder.rglob("*.py"))) == []


def test_the_docstring_of_a_function_begins_with_a_verb() -> None:
    functions = [(path, one) for path in modules_of(*PLAIN) for one in functions_of(path)]

    assert len(functions) > 1500
    assert [
        f"{path.relative_to(ROOT)}: {one.name}: {docstring.splitlines()[0]}"
        for path, one in functions
        if (docstring := ast.get_docstring(one)) and not is_property(one)
        if docstring.split()[0].strip("`,:.") in NOT_VERBS
    ] == []


def test_scripts_and_templates_of_the_pages_have_no_riddles() -> None:
    folder = ROOT / "vestnik" / "dashboard"
    paths = [
        *folder.glob("static/dashboard/*.js"),
        *folder.glob("static/dashboard/*.css"),
        *folder.rglob("*.html"),
    ]

    comments = [
        (path, found)
        for path in paths
        for found in re.findall(
            r"/\*.*?\*/|{% comment %}.*?{% endcomment %}", path.read_text(), re.DOTALL
        )
    ]
    assert len(comments) > 100
    assert [f"{path.name}: {text[:80]}" for path, text in comments if RIDDLES.search(text)] == []


def test_local_names_say_what_a_value_is() -> None:
    names = [
        (path, node)
        for path in modules_of(*NAMED)
        for function in functions_of(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]

    assert len(names) > 3000
    assert [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.id}"
        for path, node in names
        if node.id in PARTICIPLES
    ] == []

"""What pages say is said in both languages, as each of them counts, and nothing past the collector
of texts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils import translation

from vestnik.dashboard.wording.state_labels import MAILING_STATES

PACKAGE = Path(__file__).parents[3] / "vestnik"
CATALOGUE = PACKAGE / "dashboard" / "locale" / "ru" / "LC_MESSAGES" / "django.po"
#: Of these the collector sees the first argument, where it is one literal.
COLLECTED = {
    *("gettext", "gettext_lazy", "gettext_noop", "pgettext", "pgettext_lazy"),
    *("ngettext", "ngettext_lazy", "npgettext", "_"),
}
TOLD = {"success", "info", "warning", "error"}
#: What is counted in Russian has three forms, so a number before it needs them.
COUNTED = re.compile(
    r"%\((?!most\b)\w+\)[sd] "
    r"(?:сообщени|клиент|номер|сегмент|строк|столбц|ячеек|ячейк|знак|рассыл|минут)"
)


#: Sentences that are stored in English, each declared by `gettext_noop`.
LOOKED_UP = {"reasons.py", "readable_tables.py"}


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((PACKAGE / "dashboard").rglob("*.py")):
        if "admin" not in path.parts:  # is for support, in English
            yield path, ast.parse(path.read_text())


def entries() -> Iterator[tuple[str, list[str]]]:
    """Each text of the catalogue, and its Russian: one form, or each of the plural."""
    for entry in CATALOGUE.read_text().split("\n\n"):
        if "\n#~" not in f"\n{entry}" and (text := _parts(entry, "msgid")):
            forms = re.findall(r"^msgstr(?:\[\d\])? ((?:\".*\"\n?)+)", entry, re.MULTILINE)
            yield text, ["".join(re.findall(r"\"(.*)\"", form)) for form in forms]


def _parts(entry: str, name: str) -> str:
    found = re.search(rf"^{name} ((?:\".*\"\n?)+)", entry, re.MULTILINE)
    return "".join(re.findall(r"\"(.*)\"", found[1])) if found else ""


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def test_the_collector_sees_every_text_that_is_translated() -> None:
    hidden = [
        f"{path.name}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) in COLLECTED
        if path.name not in LOOKED_UP and not _is_literal(node.args[0])
    ]

    assert hidden == []


def test_no_text_is_put_together_of_translated_pieces() -> None:
    """Such a one is half in English where one piece is not translated."""
    together = [
        f"{path.name}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and _translates(node)
    ]

    assert together == []


def _translates(node: ast.AST) -> bool:
    calls = (n for n in ast.walk(node) if isinstance(n, ast.Call) and _name(n) in COLLECTED)
    return any(_is_literal(call.args[0]) for call in calls)


def _is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_what_is_told_is_translated() -> None:
    plain = [
        f"{path.name}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) in TOLD and _is_of(node, "messages")
        if isinstance(node.args[1], ast.Constant | ast.JoinedStr)
    ]

    assert plain == []


def _is_of(call: ast.Call, module: str) -> bool:
    return isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == module


def test_every_text_has_its_russian() -> None:
    missing = [text for text, forms in entries() if text and not all(forms)]

    assert missing == []


def test_a_number_before_what_it_counts_has_three_forms() -> None:
    wrong = [text for text, forms in entries() if len(forms) == 1 and COUNTED.search(forms[0])]

    assert wrong == []


#: Words of which users did not see what they meant; each has a plain one now.
UNCLEAR = (
    *("Wants a decision", "Under way", "Take off", "Further: what the columns are"),
    *("What comes of it", "Still to be put right", "Whoever is known already", "As the system"),
)
UNCLEAR_IN_RUSSIAN = (
    *("Взять", "Проба на телефоне", "Код оператора", "останется %(", "старшему"),
    "В сомнении",
)


def test_words_that_nobody_understood_do_not_come_back() -> None:
    found = [text for text, _ in entries() if text.startswith(UNCLEAR)]
    russian = [
        form for _, forms in entries() for form in forms if form.startswith(UNCLEAR_IN_RUSSIAN)
    ]

    assert (found, russian) == ([], [])
    with translation.override("ru"):
        assert "дальше" not in {str(label).casefold() for label in MAILING_STATES.values()}

"""What documents name exists: modules of the glossary, files, tables and layers."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.test_documentation import DOCS, ROOT, quoted, source

#: Documents of the present state. Decisions and the changelog name files of their time.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
#: The folders from which a document may name a file.
FOLDERS = [ROOT / "vestnik", ROOT]


def glossary() -> list[tuple[str, str, str, str]]:
    """The rows of the glossary: term, Russian term, meaning, module."""
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| (.+) \| `(.+?)` \|$", text_of("glossary"), re.MULTILINE
    )
    return [(term, russian, meaning, module) for term, russian, meaning, module in rows]


def text_of(page: str) -> str:
    return (DOCS / f"{page}.md").read_text()


def test_the_modules_of_the_glossary_exist() -> None:
    rows = glossary()

    assert len(rows) > 80
    for term, _, _, module in rows:
        path = ROOT / "vestnik" / module.replace(".", "/")
        assert (
            path.with_suffix(".py").exists() or (path / "__init__.py").exists()
        ), f"{term}: {module}"


def test_each_term_of_the_glossary_is_used() -> None:
    """In code, in a page's text, or as the name of a module."""
    names = "\n".join(str(path) for path in (ROOT / "vestnik").rglob("*.py"))
    used = re.sub(r"[\s_./-]+", "", f"{source()}\n{names}").casefold()

    terms = [term for term, *_ in glossary()]
    assert [t for t in terms if re.sub(r"[\s-]+", "", t).casefold() not in used] == []


def test_each_term_has_one_meaning_and_one_translation() -> None:
    rows = glossary()

    assert len({term.casefold() for term, *_ in rows}) == len(rows)
    assert [term for term, russian, meaning, _ in rows if not russian or not meaning] == []
    assert [term for term, russian, *_ in rows if not re.search("[а-яё]", russian)] == []


def files_in(page: Path) -> set[str]:
    """The files with a path that a page names."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    name = re.compile(r"^[a-z_]+(?:/[a-z_0-9]+)+\.(?:py|c)$")
    return {words for words in quoted(text) if name.match(words)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_document_names_exist(page: Path) -> None:
    names = sorted(files_in(page))

    assert [n for n in names if not any((one / n).exists() for one in FOLDERS)] == []


def test_the_architecture_names_the_files_of_the_pipeline() -> None:
    assert len(files_in(DOCS / "architecture.md")) > 40


def test_the_tables_of_the_architecture_exist() -> None:
    from django.apps import apps

    tables = {model._meta.db_table for model in apps.get_models()}
    named = set(
        re.findall(r"`((?:audience|mailings|dispatch|reports)_[a-z]+)`", text_of("architecture"))
    )

    assert len(named) > 10
    assert sorted(named - tables) == []


def test_the_layers_of_the_architecture_are_those_of_the_contracts() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers, floors, *_ = [c["layers"] for c in settings["contracts"] if c["type"] == "layers"]
    drawn, drawn_floors = re.findall(
        r"^(?:dispatch: )?(\S+ (?:\||→) .+)$", text_of("architecture"), re.M
    )

    contract = [re.sub(r"\bvestnik\.", "", layer) for layer in layers]
    ours = [layer if layer != "cli" else "cli | wsgi" for layer in drawn.split(" → ")]
    assert [layer for layer in contract if layer in ours] == ours
    assert drawn_floors.split(" → ") == [floor.rpartition(".")[2] for floor in floors]


def test_the_layers_are_the_same_for_contributors() -> None:
    first, *_ = re.findall(r"^(cli → .+)$", text_of("architecture"), re.M)

    assert first in (ROOT / "CONTRIBUTING.md").read_text().splitlines()

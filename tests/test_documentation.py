"""What docs/ names exists: metrics, log lines, commands and settings of the runbook, records of
decisions."""

import re
from functools import cache
from pathlib import Path

import pytest

from vestnik.cli.parser import build_parser
from vestnik.variables import VARIABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUNBOOK = re.sub(r"```.*?```", "", (DOCS / "runbook.md").read_text(), flags=re.DOTALL)
RECORDS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
HEADINGS = ["## Context", "## Decision", "## Consequences"]


@cache
def source() -> str:
    """The product's code and page texts; a text may be broken into several literals."""
    files = [
        path
        for suffix in ("py", "html", "sql")
        for path in (ROOT / "vestnik").rglob(f"*.{suffix}")
        if "migrations" not in path.parts
    ]
    text = "\n".join(path.read_text() for path in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def quoted(page: str) -> set[str]:
    """What stands between backticks, in one line or over two."""
    return {" ".join(words.split()) for words in re.findall(r"`([^`]+)`", page)}


def test_the_metrics_of_the_runbook_exist() -> None:
    names = {
        re.sub(r"_total$", "", name)
        for words in quoted(RUNBOOK)
        for name in re.findall(r"\bvestnik_(\w+)", words)
    }

    assert len(names) > 10
    assert [n for n in sorted(names) if not re.search(rf'"(vestnik_)?{n}"', source())] == []


def test_the_log_lines_of_the_runbook_exist() -> None:
    excerpts = re.findall(r"\blogs?:? ((?:`[^`]+`(?:, (?:or )?| or )?)+)", RUNBOOK, re.IGNORECASE)
    lines = {line for excerpt in excerpts for line in quoted(excerpt)}

    assert len(lines) > 12
    assert [line for line in sorted(lines) if line not in source() and line != "over: …"] == []


def test_the_commands_of_the_runbook_exist() -> None:
    shown = build_parser().format_help()
    commands = set(re.findall(r"\bvestnik ([a-z][a-z-]+)", RUNBOOK))

    assert commands >= {"doctor", "worker", "setup"}
    assert [c for c in sorted(commands) if not re.search(rf"^ +{c} ", shown, re.MULTILINE)] == []


def test_the_settings_of_the_runbook_exist() -> None:
    names = {
        name
        for words in quoted(RUNBOOK)
        for name in re.findall(r"\b[A-Z]+_[A-Z_]+\b", words)
        if not words.startswith("SMS_PROVIDER_")
    }

    assert names
    assert sorted(names - {*VARIABLES}) == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem[:4])
def test_a_decision_has_its_parts(record: Path) -> None:
    title, status, *_ = record.read_text().split("\n\n")

    assert title.startswith(f"# {int(record.name[:4])}. ")
    assert status.startswith("Status: ")
    assert re.findall(r"^## .*$", record.read_text(), re.MULTILINE) == HEADINGS


def test_each_decision_has_a_number_of_its_own_and_a_line_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()

    assert len({record.name[:4] for record in RECORDS}) == len(RECORDS) > 100
    assert [one.name for one in RECORDS if f"({one.name})" not in index] == []


def test_the_table_of_contents_names_every_page() -> None:
    contents = (DOCS / "README.md").read_text()
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}

    assert sorted(page for page in pages if f"({page})" not in contents) == []

"""Facts of the field and of the product are defined in one module each."""

import re
from pathlib import Path

import pytest

import vestnik
from vestnik.dispatch.models import HandOver, Message, UnmatchedReceipt
from vestnik.providers import gsm_alphabet, segments
from vestnik.providers.outcomes import PROVIDER_ID_LENGTH

PACKAGE = Path(vestnik.__file__).parent


@pytest.mark.parametrize(
    ("fact", "pattern", "module"),
    [
        ("the GSM alphabet", r"ΦΓΛΩΠΨΣΘΞ", "providers/gsm_alphabet.py"),
        ("the length of an id", r"(?:ID\w*|LENGTH) = 100$|\[:100\]$", "providers/outcomes.py"),
        ("two days for receipts", r"RECEIPT\w* = 2$|'2 days'", "mailings/window.py"),
        ("handed over", r"^HANDED_OVER = ", "dispatch/states.py"),
    ],
)
def test_it_is_defined_once(fact: str, pattern: str, module: str) -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
        and re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == {module}, fact


def test_segments_are_counted_by_the_alphabet_that_is_sent() -> None:
    assert segments.GSM_BASIC | segments.GSM_EXTENSION == gsm_alphabet.LETTERS
    assert not segments.GSM_BASIC & segments.GSM_EXTENSION
    widths = {letter: gsm_alphabet.width(letter) for letter in gsm_alphabet.LETTERS}
    assert {letter for letter, width in widths.items() if width == 2} == segments.GSM_EXTENSION


def test_the_tables_take_ids_of_that_length() -> None:
    columns = [
        model._meta.get_field("provider_message_id") for model in (HandOver, UnmatchedReceipt)
    ]
    columns.append(Message._meta.get_field("provider_message_id"))
    assert {column.max_length for column in columns} == {PROVIDER_ID_LENGTH}


def test_what_is_above_the_pipeline_names_none_of_its_tables() -> None:
    """The import contract holds the models; this one holds SQL."""
    found = [
        str(path.relative_to(PACKAGE))
        for folder in ("api", "dashboard", "reports")
        for path in (PACKAGE / folder).rglob("*.py")
        if re.search(r"(?:FROM|JOIN|UPDATE|INTO) dispatch_", path.read_text(encoding="utf-8"))
    ]
    assert found == []

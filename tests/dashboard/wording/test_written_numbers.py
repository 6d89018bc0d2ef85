"""Numbers on pages and in files for people, in the language of the reader."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.utils import translation

from vestnik.dashboard.templatetags.vestnik import bar, number
from vestnik.dashboard.wording import readable_tables
from vestnik.dashboard.wording.reasons import said
from vestnik.dispatch.read.progress import NOTHING_YET
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: A value, and its text on an English page and on a Russian one.
NUMBERS = [
    (50.0, "50", "50"),
    (0.4, "0.4", "0,4"),
    (33.33, "33.33", "33,33"),
    (1234.5, "1,234.5", "1\u202f234,5"),
    (1_000_000, "1,000,000", "1\u202f000\u202f000"),
    (Decimal("2.50"), "2.50", "2,50"),
    (None, "–", "–"),
]
#: The seconds of a reason, as a number or as text.
SECONDS = [(45.0, "45", "45"), (0.5, "0.5", "0,5"), ("1.0", "1", "1"), ("1.2", "1.2", "1,2")]
#: The messages sent of all, and the share in the bar's text.
SHARES = [
    (4, 4, "100", "100"),
    (1, 3, "33.3", "33,3"),
    (1, 2, "50", "50"),
    (1, 100_000, "0.1", "0,1"),
    (99_999, 100_000, "99.9", "99,9"),
]
#: A measure's value and the format of the file, and the cell for an English and a Russian reader.
CELLS = [
    (100.0, "csv", 100, 100),
    (33.33, "csv", 33.33, "33,33"),
    (33.33, "xlsx", 33.33, 33.33),
    (Decimal("2.50"), "csv", Decimal("2.50"), "2,50"),
    (7, "csv", 7, 7),
]


@pytest.fixture(params=["en", "ru"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    with translation.override(request.param):
        yield request.param


@pytest.mark.parametrize(("value", "english", "russian"), NUMBERS)
def test_a_number_has_the_signs_of_the_language_and_no_needless_zeros(
    language: str, value: float | None, english: str, russian: str
) -> None:
    assert number(value) == {"en": english, "ru": russian}[language]


@pytest.mark.parametrize(("value", "english", "russian"), SECONDS)
def test_so_have_the_seconds_of_a_reason(
    language: str, value: float | str, english: str, russian: str
) -> None:
    text = said(Reason(Code.SLOW_DATABASE, seconds=value))
    assert f" {({'en': english, 'ru': russian}[language])} " in text.replace("\u00a0", " ")


@pytest.mark.parametrize(("sent", "matched", "english", "russian"), SHARES)
def test_so_has_the_text_of_a_bar(
    language: str, sent: int, matched: int, english: str, russian: str
) -> None:
    progress = {**NOTHING_YET, "sent": sent, "queued": matched - sent, "matched": matched}
    shares = {one["state"]: one["share"] for one in bar(progress)["segments"]}
    assert shares["sent"] == {"en": english, "ru": russian}[language]


@pytest.mark.parametrize(("value", "form", "english", "russian"), CELLS)
def test_so_has_a_cell_of_the_statistics(
    language: str, value: float | Decimal, form: str, english: object, russian: object
) -> None:
    table = [["measure", "value"], ["messages_per_second", value]]
    _, row = readable_tables.statistics(table, form)
    assert row[1] == {"en": english, "ru": russian}[language]
    assert type(row[1]) is type({"en": english, "ru": russian}[language])

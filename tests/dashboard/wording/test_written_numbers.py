"""Numbers on pages and in files for people, in the language of the reader."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import translation

from tests.audience.import_files import refusals, take
from tests.builders import make_client
from vestnik import dashboard
from vestnik.audience.models import Client
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.audience_builder.suggestions import suggestions
from vestnik.dashboard.clients import detail
from vestnik.dashboard.clients.attributes import AttributeRows
from vestnik.dashboard.mailings.provider_choices import rate
from vestnik.dashboard.templatetags.vestnik import bar, money, number
from vestnik.dashboard.wording import readable_tables
from vestnik.dashboard.wording.reasons import said
from vestnik.dispatch.read.progress import NOTHING_YET
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason
from vestnik.reports.files import exports
from vestnik.reports.files.downloads import FORMATS

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
    (1e-07, "csv", 1e-07, "0,0000001"),
    (7, "csv", 7, 7),
]
#: The messages a second that a provider allows, and their text on a Russian page.
RATES = [
    (100.0, "100"), (33.3, "33"), (2.5, "2,5"), (1.0, "1"), (0.25, "0,25"), (0.016, "0,016"),
    (0.001, "0,001"),
]  # fmt: skip
#: An amount, and its text on a page.
AMOUNTS = [
    (Decimal("2.5"), "2.50\u00a0₽", "2,50\u00a0₽"),
    (Decimal("2.345"), "2.345\u00a0₽", "2,345\u00a0₽"),
    (Decimal("0"), "0.00\u00a0₽", "0,00\u00a0₽"),
    (Decimal("1234"), "1,234.00\u00a0₽", "1\u202f234,00\u00a0₽"),
]
#: A number of a filter or of a client, and the text of its field.
FIELDS = [
    (18.5, "18.5", "18,5"),
    (18.0, "18", "18"),
    (1.234, "1.234", "1,234"),
    (-0.25, "-0.25", "-0,25"),
    (42, "42", "42"),
]
#: Fractions that a file for people must not turn into thousands, texts or formulas.
EXPORTED = [1.234, 999.001, -1.234, -1.5, -12.125, 0.125, 1234.567, 2.5, 7]


@pytest.fixture(params=["en", "ru"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    with translation.override(request.param):
        yield request.param


@pytest.mark.parametrize(("value", "english", "russian"), NUMBERS)
def test_a_number_has_the_signs_of_the_language_and_no_needless_zeros(
    language: str, value: float | None, english: str, russian: str
) -> None:
    assert number(value) == {"en": english, "ru": russian}[language]


@pytest.mark.parametrize(("amount", "english", "russian"), AMOUNTS)
def test_an_amount_has_its_currency(
    language: str, amount: Decimal, english: str, russian: str
) -> None:
    assert money(amount) == {"en": english, "ru": russian}[language]


@pytest.mark.parametrize(("per_second", "written"), RATES)
def test_a_rate_is_never_written_as_none(per_second: float, written: str) -> None:
    with translation.override("ru"):
        assert rate(per_second) == written


def test_every_price_of_a_template_has_its_currency() -> None:
    """`money` writes it; a price that was formatted in Python has it already."""
    pages = Path(dashboard.__file__).parent / "templates"
    bare = re.compile(r"price(?:_per_segment)?\|(?!money)")
    assert [page.name for page in pages.rglob("*.html") if bare.search(page.read_text())] == []


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


@pytest.mark.parametrize(("value", "english", "russian"), FIELDS)
def test_so_has_a_field_of_a_reopened_condition(
    language: str, value: float, english: str, russian: str
) -> None:
    shown = {"en": english, "ru": russian}[language]
    [row] = AudienceForm.from_filter({"attributes": {"age": {"gte": value}}}).include
    assert row["gte"].value() == shown
    [row] = AudienceForm.from_filter({"attributes": {"age": [value]}}).include
    assert row.shown_values[0] == shown


@pytest.mark.parametrize(("value", "english", "russian"), FIELDS)
def test_so_has_a_client_on_every_page(
    language: str, value: float, english: str, russian: str
) -> None:
    shown = {"en": english, "ru": russian}[language]
    [row] = AttributeRows.showing({"age": value}).rows
    assert row["value"].value().removesuffix(".0").removesuffix(",0") == shown
    assert detail.shown({"age": value}) == [("age", shown)]
    _, (cell,) = readable_tables.clients([["age"], [value]], "csv")
    assert str(cell).removesuffix("0" if value == 1.234 else "") == shown


@pytest.mark.django_db
def test_so_has_a_suggested_value_but_not_a_text(language: str) -> None:
    cache.clear()
    make_client(attributes={"score": 2.5, "version": "2.5"})
    values = suggestions().values
    assert values["score"] == [{"en": "2.5", "ru": "2,5"}[language]]
    assert values["version"] == ["2.5"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.django_db
def test_fractions_of_a_file_for_people_are_imported_as_they_were(language: str, form: str) -> None:
    attributes = {f"a{n}": value for n, value in enumerate(EXPORTED)}
    client = make_client(attributes=attributes)
    table = readable_tables.clients(exports.clients(Client.objects.all()), form)
    _, write = FORMATS[form]
    file = b"".join(write(table))
    Client.objects.all().delete()

    job = take(file)

    assert (job.error, refusals(job)) == ("", {})
    imported = Client.objects.get(phone_number=client.phone_number).attributes
    assert {name: imported.get(name) for name in attributes} == attributes

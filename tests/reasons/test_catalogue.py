"""Each reason has a code, a text in both languages, and a place where it comes from."""

import json
import pickle
import re
from pathlib import Path

import pytest
from django.utils.translation import override

from vestnik.dashboard.wording.reasons import said
from vestnik.reasons.catalogue import TEXTS
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import LONGEST, Reason

PACKAGE = Path(__file__).parents[2] / "vestnik"
#: The texts and their migration name codes, and make no reasons.
NO_SOURCE = ("reasons", "migrations")
PLACE = re.compile(r"%\((\w+)\)s")
#: Of a page that shows parameters alone.
BARE = re.compile(r"(%\(\w+\)s|[:() ])*")


def test_each_code_has_a_text() -> None:
    assert set(TEXTS) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_each_code_has_a_text_in_both_languages(code: Code) -> None:
    text = TEXTS[code]
    with override("en"):
        english = str(text.on_pages)
    with override("ru"):
        russian = str(text.on_pages)

    assert text.api
    assert set(PLACE.findall(russian)) <= set(PLACE.findall(text.api))
    assert set(PLACE.findall(english)) == set(PLACE.findall(russian))
    if not BARE.fullmatch(english):
        assert re.search("[а-яё]", russian), russian


def test_each_code_is_made_somewhere() -> None:
    sources = [
        path.read_text()
        for path in PACKAGE.rglob("*.py")
        if not set(NO_SOURCE) & set(path.relative_to(PACKAGE).parts)
    ]
    made = {name for text in sources for name in re.findall(r"\bCode\.([A-Z_]+)\b", text)}

    assert {code.name for code in Code} - made == {"OTHER"}  # made by `Reason.of`


NESTED = Reason(
    Code.ATTEMPTS_EXHAUSTED,
    count=3,
    reason=Reason(Code.GATEWAY_SAID, code="6", reason="spam"),
)


@pytest.mark.parametrize(
    "reason",
    [
        Reason(Code.STOP_LIST),
        Reason(Code.NO_VALUE, names=["name", "city"]),
        Reason(Code.NO_ANSWER_WITHIN, time=2.5),
        NESTED,
        Reason(Code.OTHER, text="100 % {} %(x)s"),
    ],
)
def test_a_reason_survives_being_stored_and_handed_on(reason: Reason) -> None:
    stored = json.loads(reason.json)
    found = Reason.stored(reason.text, stored)

    assert found == reason
    assert found is not None
    assert found.data == reason.data
    handed_on = pickle.loads(pickle.dumps(reason))  # noqa: S301  (by ourselves)
    assert (handed_on, handed_on.data) == (reason, reason.data)
    with override("ru"):
        assert said(found) == said(reason)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("stop list", None),
        ("stop list", {"code": "no_value", "params": {"names": ["name"]}}),  # an earlier one's
        ("stop list", {"code": "a_later_version_has_it"}),
        ("stop list", {"code": "no_value"}),
        ("stop list", {"code": "no_value", "params": []}),
        ("stop list", "no JSON"),
        ("stop list", [1]),
    ],
)
def test_a_text_without_its_code_stands_as_it_is(text: str, data: object) -> None:
    """As the version before, which runs beside this one, writes it."""
    found = Reason.stored(text, data)

    assert found is not None
    assert found.data == {"code": "other", "params": {"text": "stop list"}}


def test_without_a_text_there_is_no_reason() -> None:
    assert Reason.stored(None, Reason(Code.STOP_LIST).data) is None
    assert Reason.stored("", Reason(Code.STOP_LIST).data) is None


def test_what_a_gateway_says_is_fit_to_be_stored() -> None:
    said_by_it = "no\0 such\ud800 number\x1f" * 100
    reason = Reason(Code.GATEWAY_SAID, code="4\x004", reason=said_by_it).fit()

    assert reason.text.startswith("44: no such numberno such number")
    assert len(reason.text) == LONGEST
    assert "\\u0000" not in reason.json
    assert "\\ud800" not in reason.json
    found = Reason.stored(reason.text, json.loads(reason.json))
    assert found is not None
    assert found.code == Code.GATEWAY_SAID

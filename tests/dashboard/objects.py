"""Filters, mailings and clients as the API could have made them, for hypothesis."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from hypothesis import strategies as st

from tests.audience.importing.test_export_and_import import LETTERS, NAMES, NUMBERS, TROUBLE, VALUES
from vestnik.audience.filters.rules import validate_filter

TEXTS = LETTERS | TROUBLE
TRICKY = st.sampled_from(
    (
        *(True, False, "true", "True", "yes", "да", "no", 42, "42", 42.0, "042", 1234567890123456),
        *("1234567890123456", 0, "0", 0.5, "0.5", "1,5", 1e21, -1, "", " x ", "a\nb", "\u2028x"),
        *(10**40, 1e-300, "NaN", "\\u0000", '["x", 1]', "2026-03-31", "31.03.2026", "№12"),
    )
)
VALUE = TEXTS | NUMBERS | st.booleans() | TRICKY
DAYS = st.dates(date(1000, 1, 1)).map(date.isoformat)


def _bounds(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={"gte": values, "lte": values})


COMPARISON = st.builds(
    lambda bounds, present: bounds | ({} if present is None else {"present": present}),
    _bounds(NUMBERS | st.sampled_from([10**40, 0, 7, 1.5])) | _bounds(DAYS),
    st.sampled_from([None, None, True, False]),
)
WANTED = VALUE | st.lists(VALUE, max_size=4) | COMPARISON
CODES = st.from_regex(r"[0-9]{3}", fullmatch=True)
LONG = st.integers(21, 60).map(lambda n: [*map(str, range(n)), True, 7])


def conditions(mailings: list[int]) -> st.SearchStrategy[dict[str, Any]]:
    """A filter without exceptions; of these mailings, if there are any."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "operator_codes": st.lists(CODES, max_size=3),
        "tags": st.lists(TEXTS | st.just(""), max_size=3),
        "attributes": st.dictionaries(NAMES, WANTED | LONG, max_size=4),
    }
    if mailings:
        ids = st.lists(st.sampled_from(mailings), min_size=1, unique=True)
        words = st.sampled_from(["got", "not_got", "answered"])
        kinds["mailings"] = st.dictionaries(words, ids)
    return st.fixed_dictionaries({}, optional=kinds)


def filters(mailings: list[int]) -> st.SearchStrategy[dict[str, Any]]:
    """Filters as they are kept: those that the rules refuse are none."""
    one = conditions(mailings)
    return st.tuples(one, st.just({}) | one).map(_kept).filter(lambda kept: kept is not None)


def _kept(parts: tuple[dict[str, Any], dict[str, Any]]) -> Any:
    included, excluded = parts
    try:
        return validate_filter(included | ({"exclude": excluded} if excluded else {}))
    except ValidationError:
        return None


ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=6)
LINES = LETTERS | TROUBLE | st.sampled_from(["a\nb", " x ", "x\r\n", "\n", "\x0b", "e\u0301"])
NAMED = LINES.map(lambda text: text[:200])
HOURS = st.none() | st.sampled_from(
    [
        {"from": "09:00", "until": "21:00"},
        {"from": "22:30", "until": "00:05"},
        {"from": "00:00", "until": "23:59"},
    ]
)

"""Texts with each client's own values, by the database."""

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import make_client
from vestnik.audience.models import Client
from vestnik.mailings.rendering import clients_sql, rendered_sql
from vestnik.mailings.rendering_sql import ERROR_CELLS, SCIENTIFIC
from vestnik.mailings.text import INVISIBLE, TRIMMED, segments_of

pytestmark = pytest.mark.django_db

# Weighted towards what moves a boundary.
LETTERS = st.text(alphabet="a€[яй😀", max_size=90)
LITERALS = st.sampled_from(["", "a", "€", "я", "😀", "a" * 150, "€" * 75, "я" * 65, "😀" * 32])


def got(text: str) -> list[tuple[str | None, str | None, int | None]]:
    """Why they get nothing, text and segments of each client."""
    sql, parameters = clients_sql(text, Client.objects.order_by("id"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT why, text, segments FROM ({rendered_sql(text, sql)}) AS r ORDER BY id",
            parameters,
        )
        return cursor.fetchall()


def rendering(text: str, **attributes: Any) -> tuple[str | None, str | None, int | None]:
    """The same of one client with these attributes."""
    Client.objects.all().delete()
    make_client("79261234567", attributes=attributes, tag="vip", timezone="Asia/Omsk")
    return got(text)[0]


@pytest.mark.parametrize(
    ("text", "attributes", "rendered_as"),
    [
        ("Hi, {{ name }}!", {"name": "Анна"}, "Hi, Анна!"),
        ("{{ name }}", {"name": "  Анна\u00a0\n"}, "Анна"),
        ('{{ name|default:"client" }}', {}, "client"),
        ('{{ name|default:"client" }}', {"name": " "}, "client"),
        ('{{ name|default:"client" }}', {"name": None}, "client"),
        ('{{ name|default:"client" }}', {"name": {"a": 1}}, "client"),
        ('{{ name|default:"client" }}', {"name": True}, "client"),
        ('a{{ name|default:"" }}b', {}, "ab"),
        ("{{ n }} and {{ n }}", {"n": 5}, "5 and 5"),
        ("{{ n }}", {"n": 1.5}, "1.5"),
        ("{{ n }}", {"n": "й\r\nй"}, "й\nй"),
        ("{{ n }}", {"n": "a\rb\r"}, "a\nb"),
        ("{{ n }}", {"n": 1e21}, "1000000000000000000000"),
        ("{{ n }}", {"n": "1e+21"}, "1000000000000000000000"),
        ("{{ n }}", {"n": "4.276E+15"}, "4276000000000000"),
        ("{{ n }}", {"n": "12E5"}, "12E5"),
        ("{{ n }}", {"n": "+7 495"}, "+7 495"),
        ("{{ n }}", {"n": 1.0}, "1"),
        ("{{ n }}", {"n": 100}, "100"),
        ("{{ n }}", {"n": -2.50}, "-2.5"),
        ("{{ n }}", {"n": 0.1 + 0.2}, "0.3"),
        ("{{ n }}", {"n": 1e-7}, "0.0000001"),
        ("{{ n }}", {"n": 4276123456789012.0}, "4276123456789012"),
        ("{{ n }}", {"n": 4276123456789012345678}, "4276123456789012345678"),
        ("{{ n }}", {"n": "2026-03-31"}, "31.03.2026"),
        ("{{ n }}", {"n": "2026-03-31T10:30"}, "31.03.2026 10:30"),
        ("{{ n }}", {"n": "2026-03-31T10:30:00"}, "31.03.2026 10:30"),
        ("{{ n }}", {"n": "2026-03-31T10:30:15"}, "2026-03-31T10:30:15"),
        ("{{ n }}", {"n": "26-03-31-1"}, "26-03-31-1"),
        ("{{ n }}", {"n": "2026.03.31"}, "2026.03.31"),
        ("{{ n }}", {"n": "Екатерина!"}, "Екатерина!"),
        ('{{ n|default:"?" }}', {"n": "#N/A"}, "?"),
        ('{{ n|default:"?" }}', {"n": " #ССЫЛКА! "}, "?"),
        ("{{ n }}", {"n": "#1"}, "#1"),
        ('{{ n|default:"?" }}', {"n": "\u200b"}, "?"),
        ('{{ n|default:"?" }}', {"n": "\u200d\ufe0f \u2800"}, "?"),
        ("{{ n }}", {"n": "\u200bАнна\ufeff"}, "Анна"),
        ("{{ n }}", {"n": "❤\ufe0f"}, "❤\ufe0f"),
        ('a{{ n|default:"" }}', {"n": "\u00a0"}, "a"),
        ("{{ phone_number }} {{ operator_code }}", {}, "79261234567 926"),
        ("{{ tag }} {{ timezone }}", {"tag": "other"}, "vip Asia/Omsk"),
        ("100 % {{ n }} %s %(x)s {0}", {"n": "%s"}, "100 % %s %s %(x)s {0}"),
        ("'; DROP TABLE x; -- {{ n }}", {"n": "\\'\""}, "'; DROP TABLE x; -- \\'\""),
        ("{{ it's }} \\ {{ %s }}", {"it's": "x", "%s": "y"}, "x \\ y"),
        ("{{ n }}", {"n": "{{ phone_number }}"}, "{{ phone_number }}"),
    ],
)
def test_a_value_stands_in_the_place_of_its_name(
    text: str, attributes: dict[str, Any], rendered_as: str
) -> None:
    assert rendering(text, **attributes) == (None, rendered_as, segments_of(rendered_as))


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ('{{ n|default:"" }}', {}),
        ('{{ n|default:"" }}', {"n": "\u200b"}),
        ('{{ n|default:" " }}\n{{ m|default:"\u00a0" }}', {"m": "#N/A"}),
        (" \u200b", {}),
    ],
)
def test_a_text_of_which_nothing_can_be_seen_is_left_out(
    text: str, attributes: dict[str, Any]
) -> None:
    assert rendering(text, **attributes)[0] == "the text is empty"


@pytest.mark.parametrize(
    ("tag", "shown"),
    [(" vip ", "vip"), ("a\r\nb", "a\nb"), ("e\u0301", "é"), ("\u200bvip", "vip"), ("1.0", "1.0")],
)
def test_a_tag_follows_the_rule_of_the_other_values(tag: str, shown: str) -> None:
    make_client("79261234567", tag=tag, attributes={"n": tag})
    assert got("{{ tag }}") == got("{{ n }}") == [(None, shown, segments_of(shown))]


@pytest.mark.parametrize("tag", ["", " ", "\r\n", "\u2060", "#N/A"])
def test_a_tag_that_is_blank_to_the_eye_is_missing(tag: str) -> None:
    make_client("79261234567", tag=tag)
    assert got("{{ tag }}")[0][0] == "no value for tag"


@pytest.mark.parametrize("places", [101, 400, 1500])
def test_a_text_with_many_placeholders_is_rendered(places: int) -> None:
    text = "{{n}}" * places
    assert rendering(text, n="я" * (600 // places + 1))[0] == (
        None if places * (600 // places + 1) <= 670 else "longer than 10 segments"
    )
    assert rendering('a{{n|default:""}}' + '{{n|default:""}}' * places)[:2] == (None, "a")


def test_a_text_that_is_surely_too_long_is_not_put_together() -> None:
    """Of 16 KiB each, 1,500 of them would be 24 MB for each client."""
    assert rendering("{{n}}" * 1500, n="я" * 8000)[0] == "longer than 10 segments"


VALUES = st.one_of(
    st.text(
        alphabet=f"ab яЮ1#N/A+eE.\r\n\u0301\u200b\u200d\ufe0f\u00a0€😀{INVISIBLE[::9]}", max_size=8
    ),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from([None, True, [], {}, "1e+21", "#REF!", "1E+05"]),
)


def shown(value: Any) -> str | None:
    """What people see of a value, by a model of its own."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not isinstance(value, str):
        return as_written(Decimal(repr(value)))
    seen = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).replace("\r", "\n")
    seen = seen.strip(TRIMMED)
    if not seen.strip(INVISIBLE) or seen in ERROR_CELLS:
        return None
    return as_written(Decimal(seen)) if re.fullmatch(SCIENTIFIC, seen) else seen


def as_written(number: Decimal) -> str:
    whole = len(str(abs(int(number))))
    places = Decimal(1).scaleb(-max(0, 15 - whole))
    if number != int(number):
        number = number.quantize(places, ROUND_HALF_UP)
    digits = f"{number:f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits in ("-0", "") else digits


@given(value=VALUES, default=st.sampled_from([None, "", " ", "друг"]))
@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_renders_as_a_model_does(value: Any, default: str | None) -> None:
    place = "{{ n }}" if default is None else f'{{{{ n|default:"{default}" }}}}'
    seen = default if (found := shown(value)) is None else found

    why, sent, segments = rendering(place, n=value)

    if seen is None:
        assert why == "no value for n"
    elif not seen.strip(INVISIBLE):
        assert why == "the text is empty"
    else:
        assert (why, sent, segments) == (None, seen, segments_of(seen))


def test_who_lacks_values_is_told_apart_with_their_names() -> None:
    text = '{{ first }} {{ last }} {{ tag }} {{ city|default:"?" }}'

    assert rendering(text, first="Анна")[0] == "no value for last"
    assert rendering(text)[0] == "no value for first, last"


def test_more_than_ten_segments_are_told_apart() -> None:
    assert rendering("{{ n }}", n="я" * 670) == (None, "я" * 670, 10)
    assert rendering("{{ n }}", n="я" * 671)[0] == "longer than 10 segments"


def test_a_text_that_is_the_same_for_all_is_not_repeated() -> None:
    assert rendering("Hi") == (None, None, None)


@given(before=LITERALS, value=LETTERS, after=LITERALS)
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_counts_segments_as_we_do(before: str, value: str, after: str) -> None:
    text = f'{before}{{{{ n|default:"" }}}}{after}{{{{ n|default:"" }}}}'

    _, sent, segments = rendering(text, n=value)

    assert sent == before + value + after + value
    assert segments == segments_of(sent)


@given(text=st.text(alphabet="a€\f^[]\\яй😀\n'", max_size=400))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_function_cuts_a_text_as_we_do(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT mailings_segments(%s)", [text])
        assert cursor.fetchone()[0] == segments_of(text)

"""Texts with each client's own values, by the database."""

from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import make_client
from vestnik.audience.models import Client
from vestnik.dispatch.recipients import picked, rendered
from vestnik.mailings.text import segments_of

pytestmark = pytest.mark.django_db

# Weighted towards what moves a boundary.
LETTERS = st.text(alphabet="a€[яй😀", max_size=90)
LITERALS = st.sampled_from(["", "a", "€", "я", "😀", "a" * 150, "€" * 75, "я" * 65, "😀" * 32])


def got(text: str) -> list[tuple[str | None, str | None, int | None]]:
    """Why they get nothing, text and segments of each client."""
    sql, parameters = picked(text, Client.objects.order_by("id"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT why, text, segments FROM ({rendered(text, sql)}) AS r ORDER BY id", parameters
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

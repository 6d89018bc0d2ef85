"""The language of placeholders."""

import pytest

from vestnik.mailings.text import Malformed, Placeholder, least_segments_of, parse


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello", ["Hello"]),
        ("{{ name }}", [Placeholder("name")]),
        ("{{name}}", [Placeholder("name")]),
        ("Hi, {{ name }}!", ["Hi, ", Placeholder("name"), "!"]),
        ('{{ name|default:"клиент" }}', [Placeholder("name", "клиент")]),
        ('{{ name | default: "a b" }}', [Placeholder("name", "a b")]),
        ('{{ name|default:"" }}', [Placeholder("name", "")]),
        ("{{ имя и отчество }}", [Placeholder("имя и отчество")]),
        ("{{ a }}{{ b }}", [Placeholder("a"), Placeholder("b")]),
        ("{{{ name }}}", ["{", Placeholder("name"), "}"]),
        ("{ name } and }}", ["{ name } and }}"]),
    ],
)
def test_placeholders_are_read(text: str, pieces: list[object]) -> None:
    assert parse(text) == pieces


@pytest.mark.parametrize(
    "text",
    [
        "{{ }}",
        "{{}}",
        "{{ name",
        "{{ name }",
        "{{ name|upper }}",
        "{{ name|default:клиент }}",
        "{{ name|default:'x' }}",
        '{{ name|default:"x"|upper }}',
        "{{ {{ name }} }}",
        "{{ a|default:{{ b }} }}",
    ],
)
def test_whatever_else_is_in_braces_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


def test_segments_before_anybodys_values_count_the_defaults() -> None:
    assert least_segments_of(parse("{{ name }}" + "я" * 70)) == 1
    assert least_segments_of(parse('{{ name|default:"я" }}' + "я" * 70)) == 2

"""What looks like a placeholder and is none, and which name was meant."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.core.exceptions import ValidationError

from tests.builders import make_client
from vestnik.mailings.rules import validate_text
from vestnik.mailings.text_warnings import correct, text_warnings

NAMES = ["имя", "фамилия", "дата рождения", "city", "Ещё"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Здравствуйте, {имя}!", [("{имя}", "{{ имя }}")]),
        ("Здравствуйте, { Имя }!", [("{ Имя }", "{{ имя }}")]),
        ("Здравствуйте, ((имя))!", [("((имя))", "{{ имя }}")]),
        ("Здравствуйте, #имя#!", [("#имя#", "{{ имя }}")]),
        ("Здравствуйте, %имя%!", [("%имя%", "{{ имя }}")]),
        ("Здравствуйте, [[имя]]!", [("[[имя]]", "{{ имя }}")]),
        ("Здравствуйте, [имя]!", [("[имя]", "{{ имя }}")]),
        ("Здравствуйте, <имя>!", [("<имя>", "{{ имя }}")]),
        ("Здравствуйте, ${имя}!", [("${имя}", "{{ имя }}")]),
        ("{Дата_рождения}", [("{Дата_рождения}", "{{ дата рождения }}")]),
        ("{еще}", [("{еще}", "{{ Ещё }}")]),
        ("{Имяя}", [("{Имяя}", "{{ имя }}")]),
        ("{скидка}", [("{скидка}", "")]),
        ("{имя} и {имя}", [("{имя}", "{{ имя }}")]),
        ('{{ имя|default:"{city}" }}', [("{city}", "{{ city }}")]),
        ("Здравствуйте, имя }}!", [("}}", "")]),
    ],
)
def test_what_looks_like_one_is_named_with_what_was_meant(
    text: str, found: list[tuple[str, str]]
) -> None:
    assert [(one.found, one.suggestion) for one in text_warnings(text, NAMES)] == found


@pytest.mark.parametrize(
    "text",
    [
        "Скидка 20% до 10 декабря, 5%-10%!",
        "Привет :)) (до 9:00) ((",
        "Заказ #123# и #1",
        "№ [12], [Акция] <b> a<b>c",
        '{{ имя }}, {{ city|default:"" }}',
        "{20}",
        "#скидка #акция",
    ],
)
def test_what_is_a_text_is_left_alone(text: str) -> None:
    assert text_warnings(text, NAMES) == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("{{ имя|default:“друг” }}", '{{ имя|default:"друг" }}'),
        ("{{ имя|default:«друг» }}", '{{ имя|default:"друг" }}'),
        ("{{ имя|default:'друг' }}", '{{ имя|default:"друг" }}'),
        ("{{ имя|default:друг }}", ""),
    ],
)
def test_typographic_quotes_are_put_right(text: str, right: str) -> None:
    assert correct(text) == right


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ Имя }}", "Did you mean {{ имя }}?"),
        ("{{ Имяя }}", "Did you mean {{ имя }}?"),
        ("{{ Phone-Number }}", "Did you mean {{ phone_number }}?"),
        ("{{ имя|default:«друг» }}", 'Did you mean {{ имя|default:"друг" }}?'),
        ("\u200b\u2060", "Write a text"),
        ("\u3164", "Write a text"),
    ],
)
def test_a_text_that_is_refused_says_what_was_meant(text: str, hint: str) -> None:
    make_client(attributes={"имя": "Анна"})
    with pytest.raises(ValidationError) as refused:
        validate_text(text)
    assert hint in refused.value.messages[0]


@pytest.mark.django_db
def test_names_are_those_that_clients_have() -> None:
    make_client(attributes={"отчество": "Ивановна"})
    assert [str(one) for one in text_warnings("{Отчество}")] == [
        "{Отчество} is sent as it is written. Did you mean {{ отчество }}?"
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["Hello", "Hello {{ name }}", '{{ name|default:"you" }}, hello'])
def test_a_text_without_such_a_part_reads_no_names(
    text: str, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    with django_assert_num_queries(0):
        assert text_warnings(text) == []

"""What is a wish for no more messages, and what only looks like one."""

import pytest

from vestnik.audience.stop_words import is_stop_word

STOPS = [
    "СТОП",
    "стоп",
    " Стоп! ",
    "STOP",
    "stop8",
    "СТОП 111",
    "«Стоп», пожалуйста",
    "CTOП",
    "СТ0П",
    "ST0P",
    "Sтоp",
    "отписка",
    "Отписаться от рассылки",
    "отказ.",
    "...стоп...",
    "unsubscribe me",
]
OTHERS = ["", "111", "стопка", "не стоп", "Где стоп-кран?", "нет", "да", "stopwatch", "👍", "Остоп"]


@pytest.mark.parametrize("text", STOPS)
def test_a_stop_word_alone_or_at_the_beginning_is_a_stop(text: str):
    assert is_stop_word(text)


@pytest.mark.parametrize("text", OTHERS)
def test_another_text_is_none(text: str):
    assert not is_stop_word(text)


def test_the_words_are_configured(settings):
    settings.STOP_WORDS = ["хватит"]
    assert is_stop_word("Хватит уже")
    assert not is_stop_word("стоп")

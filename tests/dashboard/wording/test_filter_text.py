"""Audience filters in words."""

from typing import Any

import pytest
from django.utils.translation import override

from vestnik.dashboard.wording.filter_text import describe

SAID = [
    ({}, ["все клиенты"]),
    ({"operator_codes": ["905"]}, ["префикс 905"]),
    ({"operator_codes": ["905", "916", "926"]}, ["префикс 905, 916 или 926"]),
    ({"tags": ["Бизнес"]}, ["тег «Бизнес»"]),
    ({"tags": [""]}, ["без тега"]),
    ({"tags": ["", "vip"]}, ["тег «vip» или без тега"]),
    ({"attributes": {"город": "Казань"}}, ["город = Казань"]),
    ({"attributes": {"город": ["Казань", "Уфа"]}}, ["город = Казань или Уфа"]),
    ({"attributes": {"age": ["42", 42]}}, ["age = 42"]),
    ({"attributes": {"score": {"gte": 18.5, "lte": 1000.0}}}, ["score от 18,5 до 1000"]),
    ({"attributes": {"score": 2.5}}, ["score = 2,5"]),
    ({"attributes": {"score": ["2,5", 2.5]}}, ["score = 2,5"]),
    ({"attributes": {"score": ["2.5", 2.5]}}, ["score = 2.5"]),
    ({"attributes": {"vip": True}}, ["vip = да"]),
    ({"attributes": {"age": {"gte": 18}}}, ["age от 18"]),
    ({"attributes": {"age": {"gte": 18, "lte": 30}}}, ["age от 18 до 30"]),
    ({"attributes": {"last": {"lte": "2026-03-01"}}}, ["last до 01.03.2026"]),
    ({"attributes": {"email": {"present": True}}}, ["email указано"]),
    ({"attributes": {"email": {"present": False}}}, ["email не указано"]),
    (
        {"tags": ["vip"], "exclude": {"tags": ["staff"], "attributes": {"city": "Уфа"}}},
        ["тег «vip»", "кроме: тег «staff» и city = Уфа"],
    ),
    ({"exclude": {"tags": ["staff"]}}, ["кроме: тег «staff»"]),
    (
        {"again": {"mailing": 12, "states": ["failed", "expired"]}},
        ["сообщения рассылки № 12: отказ, истекло"],
    ),
    (
        {"operator_codes": [str(900 + n) for n in range(10)]},
        ["префикс 900, 901, 902, 903, 904, 905, 906, 907 или ещё 2"],
    ),
]


@pytest.mark.parametrize(("audience", "lines"), SAID)
def test_a_filter_is_said_in_russian(audience: dict[str, Any], lines: list[str]) -> None:
    with override("ru"):
        assert describe(audience) == lines


def test_a_filter_is_said_in_english() -> None:
    audience = {"tags": ["vip"], "attributes": {"born": {"gte": "2000-03-01"}, "score": 2.5}}

    with override("en"):
        assert describe(audience) == ["tag “vip”", "born from 1 Mar 2000", "score = 2.5"]

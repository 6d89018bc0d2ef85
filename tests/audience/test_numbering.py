"""The numbering register, and the time zones that it tells."""

import io

import pytest

from tests.audience.importing import take
from vestnik.audience import numbering
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.imports import NumberRange
from vestnik.audience.models import Client
from vestnik.audience.upsert import upsert

pytestmark = pytest.mark.django_db

HEAD = "АВС/ DEF;От;До;Емкость;Оператор;Регион;Территория ГАР;ИНН\n"
ROWS = (
    '900;0000000;0061999;62000;ООО "Т2 МОБАЙЛ";Краснодарский край;Краснодарский край;77\n'
    "924;0000000;0999999;1000000;МегаФон;-;р-н|Приморский край;77\n"
    "914;0000000;0999999;1000000;МТС;Якутия;Республика Саха (Якутия);77\n"
)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1251"])
def test_the_register_tells_the_zone_of_whoever_comes_without_one(encoding: str):
    assert numbering.replace(io.BytesIO((HEAD + ROWS).encode(encoding))) == (3, 0)
    take(b"phone;timezone\n79240000001;\n79240000002;Asia/Omsk\n79990000000;\n")
    upsert([{"phone_number": "79140000001"}])
    zones = dict(Client.objects.values_list("phone_number", "timezone"))
    assert zones == {
        "79240000001": "Asia/Vladivostok",
        "79240000002": "Asia/Omsk",
        "79990000000": "Europe/Moscow",
        "79140000001": "Asia/Yakutsk",
    }
    assert numbering.zone_near("79240999999") == "Asia/Vladivostok"
    assert numbering.zone_near("79241000000") is None


@pytest.mark.parametrize("text", ["", "<html>403</html>", "a;b\n1;2\n", HEAD, HEAD + "x;y\n" * 9])
def test_another_file_replaces_nothing(text: str):
    numbering.replace(io.BytesIO((HEAD + ROWS).encode()))
    with pytest.raises(FileProblem, match="Nothing was changed"):
        numbering.replace(io.BytesIO(text.encode()))
    assert NumberRange.objects.count() == 3

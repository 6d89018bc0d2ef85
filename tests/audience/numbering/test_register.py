"""The numbering register, and the time zones that it tells."""

import io
from datetime import date

import pytest

from tests.audience.import_files import take
from tests.builders import make_client
from vestnik.audience import clients
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.imports import NumberingRegister, NumberRange
from vestnik.audience.models import Client, zone_is_assumed
from vestnik.audience.numbering import register
from vestnik.audience.numbering.register_table import merged, shipped, written
from vestnik.audience.upsert import upsert

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ranges_of_the_product(db: None) -> None:
    """Each start brings them; a test that emptied the database has taken them away."""
    register.load_shipped()


HEAD = "АВС/ DEF;От;До;Емкость;Оператор;Регион;Территория ГАР;ИНН\n"
ROWS = (
    '900;0000000;0061999;62000;ООО "Т2 МОБАЙЛ";Краснодарский край;Краснодарский край;77\n'
    "924;0000000;0999999;1000000;МегаФон;-;р-н|Приморский край;77\n"
    "914;0000000;0999999;1000000;МТС;Якутия;Республика Саха (Якутия);77\n"
)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1251"])
def test_the_register_tells_the_zone_of_whoever_comes_without_one(encoding: str):
    assert register.replace(io.BytesIO((HEAD + ROWS).encode(encoding))) == (3, 0)
    take(b"phone;timezone\n79240000001;\n79240000002;Asia/Omsk\n79990000000;\n")
    upsert([{"phone_number": "79140000001"}])
    zones = dict(Client.objects.values_list("phone_number", "timezone"))
    assert zones == {
        "79240000001": "Asia/Vladivostok",
        "79240000002": "Asia/Omsk",
        "79990000000": "Europe/Moscow",
        "79140000001": "Asia/Yakutsk",
    }
    assert register.zone_near("79240999999") == "Asia/Vladivostok"
    assert register.zone_near("79241000000") is None


@pytest.mark.parametrize("text", ["", "<html>403</html>", "a;b\n1;2\n", HEAD, HEAD + "x;y\n" * 9])
def test_another_file_replaces_nothing(text: str):
    register.replace(io.BytesIO((HEAD + ROWS).encode()))
    with pytest.raises(FileProblem, match="Nothing was changed"):
        register.replace(io.BytesIO(text.encode()))
    assert NumberRange.objects.exclude(region="Казахстан").count() == 3


def sources() -> dict[str, tuple[str, str]]:
    rows = Client.objects.values_list("phone_number", "timezone", "timezone_source")
    return {number: (zone, source) for number, zone, source in rows}


def test_the_product_brings_the_ranges_and_their_date_along():
    assert register.published() == shipped().published
    assert NumberRange.objects.count() == len(shipped().ranges) + 1
    assert register.zone_near("79240000001") == "Asia/Vladivostok"
    assert register.zone_near("79261234567") == "Europe/Moscow"
    assert register.zone_near("77011234567") == "Asia/Almaty"
    assert register.zone_near("74951234567") is None


def test_a_newer_product_brings_newer_ranges_and_leaves_the_operators_own():
    assert not register.load_shipped()
    NumberingRegister.objects.update(published=date(2020, 1, 1))
    NumberRange.objects.filter(first__lt=79_200_000_000).delete()
    assert register.load_shipped()
    assert NumberRange.objects.count() == len(shipped().ranges) + 1
    register.replace(io.BytesIO((HEAD + ROWS).encode()))
    assert not register.load_shipped()
    NumberingRegister.objects.all().delete()
    assert not register.load_shipped()
    assert NumberRange.objects.count() == 4


VLADIVOSTOK, UNKNOWN = "79240000001", "79350000001"


def test_how_the_zone_is_known_is_kept():
    upsert([{"phone_number": VLADIVOSTOK}, {"phone_number": UNKNOWN}])
    clients.create({"phone_number": "79240000002", "timezone": "Asia/Omsk"})
    clients.create({"phone_number": "79240000003"})
    take("phone;город\n79350000002;Омск\n79350000003;Нигдеград\n79240000004;Томск\n".encode())
    assert sources() == {
        VLADIVOSTOK: ("Asia/Vladivostok", "number"),
        UNKNOWN: ("Europe/Moscow", "assumed"),
        "79240000002": ("Asia/Omsk", "given"),
        "79240000003": ("Asia/Vladivostok", "number"),
        "79350000002": ("Asia/Omsk", "place"),
        "79350000003": ("Europe/Moscow", "assumed"),
        "79240000004": ("Asia/Tomsk", "place"),
    }
    assert Client.objects.get(phone_number="79350000002").attributes == {"город": "Омск"}
    assert Client.objects.filter(zone_is_assumed()).count() == 2


def test_a_city_corrects_what_nobody_has_given_and_nothing_else():
    make_client("79350000001", timezone="Europe/Moscow", timezone_source="assumed")
    make_client("79350000002", timezone="Asia/Omsk", timezone_source="given")
    make_client("79350000003", timezone="Europe/Moscow")  # of an earlier version
    make_client("79350000004", timezone="Asia/Omsk")
    rows = "".join(f"7935000000{n};г. Томск\n" for n in range(1, 5))
    job = take(f"phone;Город\n{rows}".encode())
    assert sources() == {
        "79350000001": ("Asia/Tomsk", "place"),
        "79350000002": ("Asia/Omsk", "given"),
        "79350000003": ("Asia/Tomsk", "place"),
        "79350000004": ("Asia/Omsk", ""),
    }
    assert job.updated == 4  # they have a new attribute
    assert take(f"phone;Город\n{rows}".encode()).unchanged == 4


def test_a_zone_that_the_number_told_follows_a_new_number_and_a_given_one_stays():
    told = clients.create({"phone_number": VLADIVOSTOK})
    given = clients.create({"phone_number": "79240000002", "timezone": "Asia/Omsk"})
    clients.change(told, {"phone_number": "79261234567"})
    clients.change(given, {"phone_number": "79261234568"})
    assert sources() == {
        "79261234567": ("Europe/Moscow", "number"),
        "79261234568": ("Asia/Omsk", "given"),
    }
    told.refresh_from_db()
    clients.change(told, {"timezone": "Asia/Tomsk"})
    assert sources()["79261234567"] == ("Asia/Tomsk", "given")


def test_an_export_that_comes_back_makes_no_assumption_a_fact():
    upsert([{"phone_number": UNKNOWN}])
    job = take(f"phone;timezone\n{UNKNOWN};Europe/Moscow\n".encode())
    assert (job.unchanged, sources()[UNKNOWN]) == (1, ("Europe/Moscow", "assumed"))


def test_a_merged_table_tells_of_each_number_what_the_register_tells():
    rows = [
        (79000000000, 79000000999, "a"),
        (79000001000, 79000001999, "a"),
        (79000002000, 79000002999, "b"),
        (79009999000, 79009999999, "b"),
        (79010000000, 79010000999, "b"),
    ]
    assert merged(rows) == [
        (79000000000, 79000001999, "a"),
        (79000002000, 79000002999, "b"),
        (79009999000, 79009999999, "b"),
        (79010000000, 79010000999, "b"),
    ]
    lines = list(written(rows, date(2026, 4, 20)))
    assert lines[-1] == "901;0000000;0000999;1"
    assert "published;2026-04-20" in lines

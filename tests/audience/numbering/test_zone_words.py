"""Time zones as people write them, and as regions and cities tell them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.audience.import_files import refusals, take
from vestnik.audience.models import Client
from vestnik.audience.numbering.zone_words import zone_named

WORDS = {
    "МСК": "Europe/Moscow",
    "мск": "Europe/Moscow",
    "MSK": "Europe/Moscow",
    "МСК+0": "Europe/Moscow",
    "МСК+2": "Asia/Yekaterinburg",
    "МСК +2": "Asia/Yekaterinburg",
    "мск + 2": "Asia/Yekaterinburg",
    "МСК+2 (UTC+5)": "Asia/Yekaterinburg",
    "МСК+2 ч": "Asia/Yekaterinburg",
    "MSK-1": "Europe/Kaliningrad",
    "МСК\u22121": "Europe/Kaliningrad",
    "МСК+7": "Asia/Vladivostok",
    "МСК+9": "Asia/Kamchatka",
    "по Москве": "Europe/Moscow",
    "московское время": "Europe/Moscow",
    "UTC": "UTC",
    "GMT": "Etc/GMT|UTC|GMT",
    "UTC+3": "Europe/Moscow",
    "GMT+3": "Europe/Moscow",
    "UTC+5": "Asia/Yekaterinburg",
    "UTC +5": "Asia/Yekaterinburg",
    "utc+05:00": "Asia/Yekaterinburg",
    "GMT+0500": "Asia/Yekaterinburg",
    "(UTC+05:00) Екатеринбург": "Asia/Yekaterinburg",
    "+5": "Asia/Yekaterinburg",
    "+05:00": "Asia/Yekaterinburg",
    "UTC+2": "Europe/Kaliningrad",
    "UTC+4": "Europe/Samara",
    "UTC+10": "Asia/Vladivostok",
    "UTC+12": "Asia/Kamchatka",
    "UTC+13": "Etc/GMT-13",
    "UTC+1": "Etc/GMT-1",
    "UTC-5": "Etc/GMT+5",
    "UTC+5:30": "Asia/Kolkata",
    "UTC+0": "UTC",
    "Europe/Moscow": "Europe/Moscow",
    "europe/moscow": "Europe/Moscow",
    "Asia/Omsk ": "Asia/Omsk",
    "Екатеринбург": "Asia/Yekaterinburg",
    "г. Владивосток": "Asia/Vladivostok",
    "Томская область": "Asia/Tomsk",
}
NO_ZONE = ["", "UTC+15", "UTC-13", "МСК+12", "UTC+5:17", "+7 926", "25", "5", "Атлантида", "/"]


@pytest.mark.parametrize("written", WORDS)
def test_a_zone_is_known_by_the_words_that_people_use(written: str):
    assert zone_named(written) in WORDS[written].split("|")


@pytest.mark.parametrize("written", NO_ZONE)
def test_other_words_name_no_zone(written: str):
    assert zone_named(written) is None


@pytest.mark.parametrize("hours", range(-12, 15))
def test_an_offset_is_a_zone_of_just_that_offset_all_the_year(hours: int):
    zone = zone_named(f"UTC{hours:+d}")
    assert zone
    for month in (1, 7):
        ahead = datetime(2026, month, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
        assert ahead == timedelta(hours=hours)


@pytest.mark.django_db
def test_the_zone_column_of_a_file_is_read_so():
    job = take(
        "Телефон;Часовой пояс\n79261234567;МСК+2\n79261234568;UTC+7\n79261234569;вчера\n".encode()
    )
    zones = dict(Client.objects.values_list("phone_number", "timezone"))
    assert zones == {"79261234567": "Asia/Yekaterinburg", "79261234568": "Asia/Krasnoyarsk"}
    assert "for example Europe/Moscow, МСК+2 or UTC+5" in refusals(job)[4]

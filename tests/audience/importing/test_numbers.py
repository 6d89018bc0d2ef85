"""Which numbers an import takes: its switches, what it counts, and what it says of the others."""

import pytest
from django.test import override_settings

from tests.audience.import_files import counts, refusals, take
from tests.builders import counts as messages_of
from tests.builders import make_running
from vestnik.audience.models import Client, StopListEntry
from vestnik.mailings.rendering import NO_SMS

pytestmark = pytest.mark.django_db

NUMBERS = ("+7 926 123-45-67", "8 903 000-00-00", "9161234567", "84951234567", "+4740612345")
FILE = ("Телефон\n" + "\n".join(NUMBERS) + "\n").encode()
MOBILE = {"79261234567", "79030000000", "79161234567"}
LANDLINE = "74951234567"


def stored() -> set[str]:
    return set(Client.objects.values_list("phone_number", flat=True))


def test_numbers_are_completed_and_landlines_kept_and_counted_unless_said_otherwise():
    job = take(FILE)
    assert stored() == MOBILE | {LANDLINE}
    assert (counts(job)["created"], job.without_sms) == (4, 1)
    assert refusals(job) == {
        6: "phone_number: This is a foreign number: it begins with +47, and only those with +7 are "
        "taken."
    }


def test_an_import_may_refuse_numbers_without_the_country_code():
    job = take(FILE, options={"numbers_without_code": "refuse"})
    assert stored() == {"79261234567"}
    assert "write +79030000000 if that is meant" in refusals(job)[3]
    assert set(refusals(job)) == {3, 4, 5, 6}


@pytest.mark.parametrize(("setting", "option"), [("refuse", ""), ("accept", "refuse")])
def test_landlines_are_refused_by_the_deployment_or_by_the_import(setting: str, option: str):
    with override_settings(NUMBERS_WITHOUT_SMS=setting):
        job = take(FILE, options={"numbers_without_sms": option})
    assert (stored(), job.without_sms) == (MOBILE, 0)
    assert "landline or toll-free number, which gets no SMS" in refusals(job)[5]


@override_settings(NUMBERS_WITHOUT_SMS="refuse")
def test_an_import_may_keep_what_the_deployment_refuses_and_any_number_is_stopped():
    take(FILE, options={"numbers_without_sms": "accept"})
    take(FILE, into="stop_list")
    assert LANDLINE in stored()
    assert StopListEntry.objects.filter(phone_number=LANDLINE).exists()


@pytest.mark.parametrize("text", ["Hello", "Hello, {{ phone_number }}"])
def test_a_mailing_leaves_them_out_with_the_reason(text: str):
    take(FILE)
    mailing = make_running(clients=0, text=text)
    assert messages_of(mailing) == {"queued": 3, "suppressed": 1}
    message = mailing.messages.get(state="suppressed")
    assert (message.phone_number, message.error) == (LANDLINE, NO_SMS)


MISLEADING = {
    "+7 926 12": "It has 5 digits after +7, and ten are needed.",
    "+380 50 123-45-67": "This is a foreign number: it begins with +380",
    "8926000111": "It has ten digits and begins with 8: one digit is missing.",
    "7926000111": "It has ten digits and begins with 7: one digit is missing.",
    "2125551234": "It has ten digits, and no mobile number begins with 212",
    "+89261234567": "It begins with +8, which is no country's code: write +7 in its place.",
}


@pytest.mark.parametrize("written", MISLEADING)
def test_a_refused_row_says_what_was_seen(written: str):
    job = take(f"Телефон\n{written}\n79261234567\n".encode())
    assert MISLEADING[written] in refusals(job)[2]
    assert not job.refused_rows.filter(reason__contains="does not begin with 7").exists()


FIRST_ROWS = [
    "(701) 123-45-67",
    "701 123-45-67",
    "(926) 123-45-67",
    "тел. 89261234567",
    "tel:+79261234567",
    "0079261234567",
    "7.9261234567E+10",
]


@pytest.mark.parametrize("first", FIRST_ROWS)
def test_the_first_number_of_a_file_without_a_header_is_a_client(first: str):
    content = f"{first};Анна\n79031234567;Борис\n".encode()
    job = take(content, options={"mapping": {"1": "phone_number", "2": "name"}})
    assert (job.error, job.created, job.refused) == ("", 2, 0)

"""mailings/preview/, and that the mailing then does what the preview shows."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from pytest_django import Settings

from tests.api.caller import Caller, errors_of, mailing_body
from tests.builders import counts, enlist_all, make_client, make_running
from tests.database_clock import stop_database_clock
from tests.mailings.test_hours import RUSSIAN
from vestnik.audience.models import StopListEntry
from vestnik.audience.numbering import register
from vestnik.audience.stop_list import Source, hash_of
from vestnik.dispatch.prepare.launch import launch
from vestnik.mailings.models import Mailing
from vestnik.mailings.rendering import NO_SMS
from vestnik.mailings.window import database_now
from vestnik.providers.registry import describe


def stop(number: str) -> None:
    StopListEntry.objects.create(phone_number=number, phone_hash=hash_of(number), source=Source.API)


def make_audience() -> None:
    """Clients of all kinds, in all zones."""
    for n, (zone, _) in enumerate(RUSSIAN * 4):
        attributes = {"name": "Анна" * (n % 7)} if n % 4 else {}
        make_client(f"790000000{n:02}", timezone=zone, tag=f"t{n % 2}", attributes=attributes)
    make_client("79000000090", attributes={"name": "я" * 671})
    make_client("79000000091", attributes={"name": "Иван 😀"})
    make_client("74951234567", attributes={"name": "Анна"})
    make_client("78005553535")
    stop("79000000091")
    stop("79000000001")


def moscow(minutes: float) -> str:
    wall = database_now().astimezone(ZoneInfo("Europe/Moscow")) + timedelta(minutes=minutes)
    return wall.strftime("%H:%M")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "Hello"},
        {"text": "Привет, {{ name }}!"},
        {"text": 'Hi {{ name|default:"client" }}, {{ phone_number }}'},
        {"text": "Привет, {{ name }}!", "filter": {"exclude": {"tags": ["t1"]}}},
        {"text": "Привет, {{ name }}!", "local_hours": True},
        {"text": '{{ name|default:"" }}'},
        {"text": "{{ tag }}" * 101},
    ],
)
def test_the_numbers_are_those_of_what_then_happens(
    api: Caller, changes: dict[str, object]
) -> None:
    make_audience()
    if changes.get("local_hours"):
        changes |= {"local_hours": {"from": moscow(-90), "until": moscow(90)}}
    body = mailing_body(**changes)
    if changes.get("local_hours"):
        body["ends_at"] = (database_now() + timedelta(minutes=5)).isoformat()

    told = api.post("mailings/preview/", body).json()
    created = api.post("mailings/", body).json()

    mailing = Mailing.objects.get(id=created["id"])
    assert launch(mailing.id)
    enlist_all(mailing)
    reasons = list(mailing.messages.filter(state="suppressed").values_list("error", flat=True))
    excluded = told["excluded"]
    assert told["matched"] == mailing.messages.count()
    assert excluded["stop_list"] == reasons.count("stop list")
    assert excluded["no_sms"] == reasons.count(NO_SMS)
    assert excluded["too_long"] == reasons.count("longer than 10 segments")
    assert excluded["empty_text"] == reasons.count("the text is empty")
    assert excluded["missing_value"] == sum(reason.startswith("no value") for reason in reasons)
    going = mailing.messages.filter(state="queued", client__timezone__in=open_zones(mailing))
    assert told["messages"] == going.count()
    assert excluded["never_open"] == counts(mailing)["queued"] - going.count()
    assert told["segments"] == (going.aggregate(sum=Sum("segments"))["sum"] or 0)
    for sample in told["samples"]:
        message = mailing.messages.get(client=sample["client"])
        assert sample["text"] == (message.text or mailing.text)
        assert sample["segments"] == message.segments


def test_it_says_of_how_many_the_zone_is_assumed(api: Caller) -> None:
    register.load_shipped()  # a flush of the database removes the ranges
    for number in ("79240000001", "79350000001", "79350000002", "74951234567"):
        api.post("clients/", {"phone_number": number})
    api.post("clients/", {"phone_number": "79350000003", "timezone": "Asia/Omsk"})

    told = api.post("mailings/preview/", mailing_body()).json()

    assert (told["matched"], told["timezone_assumed"]) == (5, 2)


def open_zones(mailing: Mailing) -> list[str]:
    """Return the zones in which messages leave before the end."""
    if mailing.local_hours is None:
        return [zone for zone, _ in RUSSIAN]
    ready = mailing.batches.filter(state="ready") | mailing.batches.filter(
        due_at__lt=mailing.ends_at
    )
    return [zone for zone in ready.values_list("timezone", flat=True) if zone]


def test_nothing_is_kept(api: Caller) -> None:
    make_audience()

    answer = api.post("mailings/preview/", mailing_body())

    assert answer.status_code == 200
    assert list(answer.json()) == [
        "matched",
        "timezone_assumed",
        "excluded",
        "messages",
        "segments",
        "price",
        "encoding",
        "ucs2_because_of",
        "text_warnings",
        "samples",
        "forecast",
    ]
    assert not Mailing.objects.exists()


def test_price_and_forecast_are_by_the_provider(api: Caller, settings: Settings) -> None:
    make_audience()
    options = {"price_per_segment": "2.50", "max_rate": "10"}
    settings.SMS_PROVIDERS = {"dear": {"BACKEND": "null", "OPTIONS": options}}
    describe.cache_clear()
    ends_at = (stop_database_clock() + timedelta(seconds=2.1)).isoformat()

    told = api.post("mailings/preview/", mailing_body(provider="dear", ends_at=ends_at)).json()
    describe.cache_clear()

    assert Decimal(told["price"]) == Decimal("2.50") * told["segments"]
    assert told["forecast"]["per_second"] == 10
    assert told["forecast"]["finishes_at"] is None
    assert told["forecast"]["will_not_fit"] == told["messages"] - 20


def test_beside_others_it_has_its_share_of_the_provider_s_rate(
    api: Caller, settings: Settings
) -> None:
    """Two equal mailings at 10 a second get 5 each."""
    settings.SMS_PROVIDERS = {"narrow": {"BACKEND": "null", "OPTIONS": {"max_rate": "10"}}}
    describe.cache_clear()
    make_running(400, provider="narrow", ends_in=30.0)
    make_running(0, provider="narrow", filter={"tags": ["nobody"]})
    ends_at = (database_now() + timedelta(seconds=30)).isoformat()

    told = api.post("mailings/preview/", mailing_body(provider="narrow", ends_at=ends_at)).json()
    describe.cache_clear()

    assert told["messages"] == 400
    found = told["forecast"]
    assert found["beside"] == 1
    assert found["per_second"] == pytest.approx(5, rel=0.1)
    assert found["finishes_at"] is None
    assert -20 < found["will_not_fit"] - 250 < 100


def test_what_makes_a_text_dear_is_named(api: Caller) -> None:
    told = api.post("mailings/preview/", mailing_body(text="Hello — «x»")).json()

    assert (told["encoding"], told["ucs2_because_of"]) == ("ucs-2", ["—", "«", "»"])


def test_what_is_wrong_is_named_as_at_creation(api: Caller) -> None:
    answer = api.post("mailings/preview/", mailing_body(text="{{ nobody }}", name="x"))

    assert answer.status_code == 400
    assert set(errors_of(answer)) == {"text", "name"}


def test_what_looks_like_a_placeholder_is_named_and_has_to_be_confirmed(api: Caller) -> None:
    make_client(attributes={"имя": "Анна"})
    body = mailing_body(text="Здравствуйте, {Имя}!")
    meant = {"found": "{Имя}", "suggestion": "{{ имя }}"}

    assert api.post("mailings/preview/", body).json()["text_warnings"] == [meant]
    refused = api.post("mailings/", body)
    taken = api.post("mailings/", {**body, "confirm_text": True})

    assert refused.status_code == 400
    assert "Did you mean {{ имя }}?" in errors_of(refused)["text"]
    assert "confirm_text" in errors_of(refused)["text"]
    assert taken.status_code == 201
    address = f"mailings/{taken.json()['id']}/"
    assert "confirm_text" not in taken.json()
    assert api.patch(address, {"name": "x"}).status_code in (200, 409)


def test_a_changed_text_has_to_be_confirmed_too(api: Caller) -> None:
    body = mailing_body(draft=True)
    address = f"mailings/{api.post('mailings/', body).json()['id']}/"

    assert "text" in errors_of(api.patch(address, {"text": "#name#"}))
    assert api.patch(address, {"text": "#name#", "confirm_text": True}).status_code == 200
    assert api.patch(address, {"name": "x"}).status_code == 200


def test_a_test_send_needs_no_confirmation(api: Caller) -> None:
    body = {"text": "{Имя}", "phone_numbers": ["79261234567"]}
    assert api.post("mailings/test-send/", body).status_code == 201

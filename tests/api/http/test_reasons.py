"""Machine-readable reasons: a code and parameters beside the text."""

import csv
import io
import json

import pytest
from django.db import connection

from tests.api.caller import Caller
from tests.builders import enlist_all, make_client, make_mailing, make_running
from vestnik.dispatch.models import Breaker, Message
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.record.auto_pause import pause_if_refused
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

pytestmark = pytest.mark.django_db

LONG = "Я" * 671


def test_a_message_that_is_not_sent_says_why_to_programs(api: Caller) -> None:
    make_client("79261234567", attributes={"city": "Omsk"})
    make_client("79261234568", attributes={"name": LONG, "city": "Omsk"})
    make_client("74951234567", attributes={"name": "Anna", "city": "Omsk"})
    mailing = make_mailing(text="{{ name }} of {{ city }}")
    assert launch(mailing.id)
    enlist_all(mailing)

    found = api.get(f"messages/?mailing={mailing.id}").json()["results"]

    assert [(one["error"], one["reason"]) for one in found] == [
        ("no value for name", {"code": "no_value", "params": {"names": ["name"]}}),
        ("longer than 10 segments", {"code": "too_long", "params": {"most": 10}}),
        (
            "a landline or toll-free number, which gets no SMS",
            {"code": "no_sms", "params": {}},
        ),
    ]
    content = api.get(f"mailings/{mailing.id}/messages/export/").getvalue().decode("utf-8-sig")
    first = next(csv.DictReader(io.StringIO(content), delimiter=";"))
    assert (first["reason_code"], json.loads(first["reason_params"])) == (
        "no_value",
        {"names": ["name"]},
    )


def test_a_text_of_the_version_before_is_answered_word_for_word(api: Caller) -> None:
    """Workers of the previous version write the text alone, also over a code of this version."""
    mailing = make_running(1)
    message = mailing.messages.get()
    reason = Reason(Code.NO_VALUE, names=["name"])
    Message.objects.filter(id=message.id).update(error=reason.text, reason=reason.data)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dispatch_message SET error = 'HTTP 503'")

    found = api.get(f"messages/{message.id}/").json()

    assert found["error"] == "HTTP 503"
    assert found["reason"] == {"code": "other", "params": {"text": "HTTP 503"}}


def test_a_mailing_and_its_record_say_why_to_programs(api: Caller) -> None:
    mailing = make_running(1)
    why = Reason(Code.PROVIDER_MISSING, alias="old")
    mailing.move(PAUSE, reason=why)

    shown = api.get(f"mailings/{mailing.id}/").json()
    detail = api.get(f"mailings/{mailing.id}/statistics/").json()

    expected = {"code": "provider_missing", "params": {"alias": "old"}}
    text = "Its provider 'old' is not configured any more."
    assert (shown["state_reason"], shown["reason"]) == (text, expected)
    assert (detail["state_reason"], detail["reason"]) == (text, expected)
    assert (detail["events"][-1]["reason"], detail["events"][-1]["reason_details"]) == (
        text,
        expected,
    )


def test_a_change_names_its_fields(api: Caller) -> None:
    mailing = make_mailing(starts_in=1000, ends_in=5000)

    assert api.patch(f"mailings/{mailing.id}/", {"name": "x", "text": "y"}).status_code == 200
    event = api.get(f"mailings/{mailing.id}/events/").json()["results"][-1]

    assert {"name", "text"} <= set(event["reason"].split(", "))
    assert event["reason_details"]["code"] == "fields_changed"
    assert {"name", "text"} <= set(event["reason_details"]["params"]["fields"])


def test_a_held_mailing_says_why_to_programs(api: Caller) -> None:
    mailing = make_running(1)
    why = Reason(Code.GATEWAY_SAID, code="HTTP 429", reason="slow down")
    Breaker.objects.create(alias="null", state="open", reason=why.text, reason_details=why.data)

    shown = api.get(f"mailings/{mailing.id}/").json()

    assert shown["held"] == "held: HTTP 429: slow down"
    assert shown["held_reason"] == {
        "code": "gateway_said",
        "params": {"code": "HTTP 429", "reason": "slow down"},
    }


def test_the_pause_after_refusals_is_known_by_its_code(api: Caller) -> None:
    """A text without a code decides nothing: a pause by the previous version does not count."""
    mailing = make_running(250)
    mailing.batches.update(queued=0, failed=250)
    Message.objects.update(state="failed", error="6: spam")

    assert pause_if_refused(mailing.id, Reason(Code.GATEWAY_SAID, code="6", reason="spam"))
    Mailing.objects.update(state="running")
    assert not pause_if_refused(mailing.id, "6: spam")

    reason = api.get(f"mailings/{mailing.id}/events/").json()["results"][-1]["reason_details"]
    assert reason == {
        "code": "many_refused",
        "params": {
            "share": 100,
            "all": 250,
            "reason": {"code": "gateway_said", "params": {"code": "6", "reason": "spam"}},
        },
    }

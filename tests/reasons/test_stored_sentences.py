"""Sentences that the versions before have stored: their codes, and what pages make of these."""

import json
from typing import Any

import pytest
from django.db import connection
from django.utils.translation import override

from tests.builders import make_mailing, make_running
from vestnik.dashboard.wording.reasons import said
from vestnik.db.backfill import convert
from vestnik.dispatch.models import Message, UnmatchedReceipt
from vestnik.mailings.migrations._sentences import data_of, fields_as, stored_as
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

SAID = [
    ("stop list", "stop_list", "в стоп-листе"),
    (
        "a landline or toll-free number, which gets no SMS",
        "no_sms",
        "городской или бесплатный номер, SMS на него не приходят",
    ),
    ("no value for name, city", "no_value", "нет значения: name, city"),
    ("longer than 10 segments", "too_long", "длиннее 10 сегментов"),
    ("no answer within 10 s", "no_answer_within", "нет ответа за 10 с"),
    ("no answer within 2.5 s", "no_answer_within", "нет ответа за 2,5 с"),
    (
        "gave up after 3 attempts: no answer in time",
        "attempts_exhausted",
        "попытка 3 была последней: нет ответа вовремя",
    ),
    (
        "in doubt, sent again: the line was closed before the answer",
        "resent",
        "неизвестно, отправлено снова: соединение закрыто до ответа",
    ),
    (
        "its worker stopped in mid-call",
        "worker_stopped",
        "процесс отправки остановился до ответа провайдера",
    ),
    (
        "no connection: Connection refused",
        "no_connection",
        "нет соединения: в соединении отказано",
    ),
    ("no connection: No route to host", "no_connection", "нет соединения: No route to host"),
    ("ESME_RINVDSTADR: refused by the SMSC", "gateway_said", "ESME_RINVDSTADR: отказ провайдера"),
    (
        "ESME_RTHROTTLED: refused by the SMSC (1 of 2 parts were taken)",
        "gateway_said",
        "ESME_RTHROTTLED: отказ провайдера (принято частей: 1 из 2)",
    ),
    (
        "the provider refuses the account (403): forbidden",
        "account_refused_because",
        "провайдер не принимает учётную запись (403): запрещено оператором связи",
    ),
    (
        "the provider refuses the account (ESME_RINVPASWD)",
        "account_refused",
        "провайдер не принимает учётную запись (ESME_RINVPASWD)",
    ),
    ("the vendor answers status 5", "status_not_final", None),
    ("the SMSC answers ESME_RSYSERR", "smsc_answered", "SMSC отвечает ESME_RSYSERR"),
    (
        "8: nothing can be delivered to the number (no route)",
        "gateway_said",
        "8: на этот номер доставить нельзя (no route)",
    ),
    (
        "20: impossible to deliver, err 27",
        "gateway_said",
        "20: доставить невозможно, код сети 27",
    ),
    ("20: impossible to deliver, err 0", "gateway_said", "20: доставить невозможно"),
    ("UNDELIV 001", "receipt_error", "доставить нельзя, код сети 001"),
    ("EXPIRED 000", "receipt_without_error", "не доставлено вовремя"),
    ("REJECTD", "network_rejected", "отказ сети"),
    (
        "21 % of 300 messages were refused; the last one: 6: spam",
        "many_refused",
        "отказы: 21 % (всего сообщений: 300); последний: 6: spam",
    ),
    (
        "Its provider 'old' is not configured any more.",
        "provider_missing",
        "Провайдер old больше не настроен.",
    ),
    (
        "again to failed, expired of mailing 3",
        "sends_again",
        "рассылка № 3: отказ и истекло",
    ),
    ("by mailing 7", "sent_again_by", "рассылкой № 7"),
    ("12 unknown messages", "unknown_messages", "неизвестных: 12"),
    ("too long: 300 segments", "provider_text_too_long", "текст слишком длинный"),
    ("text 2: 5 wait, 1 had an earlier one", "new_text", None),
    ("HTTP 503", "gateway_code", "HTTP 503"),
    (
        "HTTP 429: slow down (it says: after 3600 s)",
        "asks_to_wait",
        "HTTP 429: slow down (провайдер просит подождать 3600 с)",
    ),
]
#: In no catalogue, or from another version: the text is shown as it is.
VERBATIM = ["something else entirely", "%s %(x)s {}", "x (" * 50, "%" * 100, "no answer within e s"]


@pytest.mark.parametrize(("stored", "code", "shown"), SAID)
def test_a_stored_sentence_is_a_code_and_reads_as_before(
    stored: str, code: str, shown: str | None
) -> None:
    data = json.loads(json.dumps(data_of(stored)))
    reason = Reason.stored(stored, data)

    assert reason is not None
    assert (data["code"], str(reason.code)) == (code, code)
    assert str(reason) == stored
    assert reason.data == data
    with override("ru"):
        assert shown is None or said(reason) == shown


@pytest.mark.parametrize("stored", VERBATIM)
def test_what_is_no_sentence_of_ours_is_shown_as_it_is(stored: str) -> None:
    reason = Reason.stored(stored, data_of(stored))

    with override("ru"):
        assert said(reason) == stored


@pytest.mark.parametrize("stored", ["a: " * 200 + "x", "gave up after 2 attempts: " * 50 + "x"])
def test_a_gateway_cannot_break_it(stored: str) -> None:
    with override("ru"):
        assert "x" in said(Reason.stored(stored, data_of(stored)))


@pytest.mark.django_db
def test_the_migration_gives_codes_to_what_is_stored_and_to_that_alone() -> None:
    mailing = make_running(4)
    first, second, third, _ = mailing.messages.order_by("id")
    Message.objects.filter(id=first.id).update(error="no value for name, city")
    Message.objects.filter(id=second.id).update(error="said by nobody")
    Message.objects.filter(id=third.id).update(
        error="stop list", reason=Reason(Code.STOP_LIST).data
    )
    UnmatchedReceipt.objects.create(
        alias="null", state="undelivered", at=mailing.starts_at, error="UNDELIV 001"
    )

    assert convert(connection, "dispatch_message", "error", "reason", read=stored_as) == 1
    assert convert(connection, "dispatch_message", "error", "reason", read=stored_as) == 0
    assert convert(connection, "dispatch_keptreceipt", "error", "reason", read=stored_as) == 1

    why = [message.why for message in mailing.messages.order_by("id")]
    assert [reason and reason.data for reason in why] == [
        {"code": "no_value", "params": {"names": ["name", "city"]}},
        {"code": "other", "params": {"text": "said by nobody"}},
        {"code": "stop_list", "params": {}},
        None,
    ]


@pytest.mark.django_db
def test_the_migration_gives_codes_to_mailings_and_what_was_done_to_them() -> None:
    mailing = make_mailing()
    refused = "21 % of 300 messages were refused; the last one: 6: spam"
    Mailing.objects.filter(id=mailing.id).update(state_reason=refused)
    events: list[Any] = [
        mailing.events.create(event="change", actor="user:anna", reason="ends_at, text"),
        mailing.events.create(event=PAUSE.name, actor="system", reason=refused),
    ]

    columns = ("mailings_mailingevent", "reason", "reason_details")
    convert(connection, "mailings_mailing", "state_reason", "reason", read=stored_as)
    convert(connection, *columns, which="event = 'change'", read=fields_as)
    convert(connection, *columns, which="event <> 'change'", read=stored_as)

    mailing.refresh_from_db()
    for event in events:
        event.refresh_from_db()
    assert mailing.why is not None
    assert mailing.why.code == Code.MANY_REFUSED
    assert [event.reason_details["code"] for event in events] == ["fields_changed", "many_refused"]
    assert events[0].why.params == {"fields": ["ends_at", "text"]}

"""Reasons in the reader's language, whoever gave them."""

import pytest
from django.utils.translation import override

from vestnik.dashboard.wording.reasons import said

SAID = [
    ("stop list", "в стоп-листе"),
    ("no value for name, city", "нет значения: name, city"),
    ("no answer within 10 s", "нет ответа за 10 с"),
    (
        "gave up after 3 attempts: no answer in time",
        "попытка 3 была последней: нет ответа вовремя",
    ),
    (
        "in doubt, sent again: the line was closed before the answer",
        "неизвестно, отправлено снова: соединение закрыто до ответа",
    ),
    ("its worker stopped in mid-call", "процесс отправки остановился до ответа провайдера"),
    ("no connection: Connection refused", "нет соединения: в соединении отказано"),
    ("ESME_RINVDSTADR: refused by the SMSC", "ESME_RINVDSTADR: отказ провайдера"),
    (
        "ESME_RTHROTTLED: refused by the SMSC (1 of 2 parts were taken)",
        "ESME_RTHROTTLED: отказ провайдера (принято частей: 1 из 2)",
    ),
    (
        "the provider refuses the account (403): forbidden",
        "провайдер не принимает учётную запись (403): запрещено оператором связи",
    ),
    (
        "the provider refuses the account (ESME_RINVPASWD)",
        "провайдер не принимает учётную запись (ESME_RINVPASWD)",
    ),
    ("the SMSC answers ESME_RSYSERR", "SMSC отвечает ESME_RSYSERR"),
    (
        "the account is refused: HTTP 401: bad token",
        "учётная запись отклонена: HTTP 401: bad token",
    ),
    (
        "8: nothing can be delivered to the number (no route)",
        "8: на этот номер доставить нельзя (no route)",
    ),
    ("20: impossible to deliver, err 27", "20: доставить невозможно, код сети 27"),
    ("20: impossible to deliver, err 0", "20: доставить невозможно"),
    ("UNDELIV 001", "доставить нельзя, код сети 001"),
    ("EXPIRED 000", "не доставлено вовремя"),
    (
        "21 % of 300 messages were refused; the last one: 6: spam",
        "отказы: 21 % (всего сообщений: 300); последний: 6: spam",
    ),
    ("Its provider 'old' is not configured any more.", "Провайдер old больше не настроен."),
    ("again to failed, expired of mailing 3", "рассылка № 3: отказ и истекло"),
    ("by mailing 7", "рассылкой № 7"),
    ("something else entirely", "something else entirely"),
    ("", ""),
    (None, ""),
]


@pytest.mark.parametrize(("stored", "shown"), SAID)
def test_a_reason_is_said_in_russian(stored: str | None, shown: str) -> None:
    with override("ru"):
        assert said(stored) == shown


@pytest.mark.parametrize("stored", ["%s %(x)s {}", "a: " * 200, "x (" * 50, "%" * 100])
def test_what_a_gateway_says_cannot_break_it(stored: str) -> None:
    with override("ru"):
        assert "x" in said(f"{stored}x")

"""The providers without a gateway: the console, and the null provider."""

import asyncio
import io
import sys
from collections.abc import Callable, Mapping

import pytest

from tests.gateways.builders import flight, opened, outgoing
from vestnik.providers.base import Accepted, OutboundMessage, Outcome, Provider, Unknown
from vestnik.providers.console import ConsoleProvider
from vestnik.providers.null import NullProvider


def hand_over(provider: Provider, messages: list[OutboundMessage]) -> list[Outcome | None]:
    async def send() -> list[Outcome | None]:
        async with opened(provider) as connection:
            return await connection.hand_over_all(messages)

    return asyncio.run(send())


def test_a_message_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    message = outgoing(3456, 'Скидка "50 %"\nсегодня')
    assert hand_over(ConsoleProvider("console", {}), [message]) == [Accepted()]
    assert capsys.readouterr().out == (
        r'SMS 79261238022 mailing=7 message=3456 text="Скидка \"50 %\"\nсегодня"' + "\n"
    )


def test_it_is_flushed_before_it_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Broken())
    (outcome,) = hand_over(ConsoleProvider("console", {}), [outgoing()])
    assert outcome == Unknown("standard output: Broken pipe")


@pytest.mark.parametrize("kind", [ConsoleProvider, NullProvider])
def test_what_is_too_late_does_not_leave(
    kind: Callable[[str, Mapping[str, object]], Provider], capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [outgoing(1, leave_within=0), *flight(2)]
    assert hand_over(kind("x", {}), messages) == [None, Accepted(), Accepted()]
    assert capsys.readouterr().out.count("\n") in (0, 2)
    assert messages[0].departed_at is None


def test_an_empty_flight_is_over_at_once() -> None:
    for provider in (ConsoleProvider("c", {}), NullProvider("n", {})):
        assert hand_over(provider, []) == []

"""The contract's cases: a provider's test class inherits them and says how it is made."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.gateways.builders import flight, opened, outgoing, run, until, until_connected
from vestnik.providers.base import (
    Accepted,
    Connection,
    Deferred,
    OutboundMessage,
    Provider,
    Rejected,
    TooLate,
    Unknown,
)
from vestnik.sandbox.behaviour import Action, Behaviour
from vestnik.sandbox.gateway import Sandbox


class ContractCases:
    """A subclass gives `build`, and the gateway's ports that it needs in `ports`."""

    ports: dict[str, int | None] = {"http_port": 0, "smpp_port": None}
    #: How long the gateway's wish after throttling is, as this provider hears it.
    throttled_for: float | None = 3.0

    def build(self, sandbox: Sandbox, **options: Any) -> Provider:
        raise NotImplementedError

    def validity_on_the_wire(self, sandbox: Sandbox) -> float:
        """In seconds, as the gateway got it."""
        raise NotImplementedError

    def most_in_flight(self, sandbox: Sandbox) -> int:
        raise NotImplementedError

    @asynccontextmanager
    async def _standing(
        self, behaviour: Behaviour | None = None, **options: Any
    ) -> AsyncIterator[tuple[Sandbox, Connection[Any]]]:
        async with (
            Sandbox(behaviour=behaviour, **self.ports) as sandbox,
            opened(self.build(sandbox, **options)) as connection,
        ):
            yield sandbox, connection

    def _one(self, act: Action, **options: Any) -> tuple[Any, int]:
        """The outcome of one message, and how many the gateway took."""
        found: list[Any] = []

        async def test() -> None:
            behaviour = Behaviour(once=deque([act]), retry_after=3)
            async with self._standing(behaviour, **options) as (sandbox, connection):
                (outcome,) = await connection.hand_over_all([outgoing()])
                found.extend([outcome, len(sandbox.ledger.taken)])

        run(test)
        return found[0], found[1]

    def test_an_accepted_message_is_at_the_gateway_as_it_was_written(self) -> None:
        async def test() -> None:
            async with self._standing() as (sandbox, connection):
                message = outgoing(5, "Скидка 50 % — «сегодня» 😀")
                before = time.monotonic()
                (outcome,) = await connection.hand_over_all([message])
                assert isinstance(outcome, Accepted)
                (taken,) = sandbox.ledger.taken
                assert (taken.phone_number, taken.text) == (message.phone_number, message.text)
                assert message.departed_at is not None
                assert before <= message.departed_at <= time.monotonic()

        run(test)

    def test_a_permanent_refusal_is_rejected_with_a_code(self) -> None:
        outcome, taken = self._one(Action.REFUSE)
        assert isinstance(outcome, Rejected)
        assert outcome.code
        assert outcome.reason
        assert taken == 0

    def test_a_throttled_message_is_deferred_with_the_wish_of_the_gateway(self) -> None:
        outcome, taken = self._one(Action.THROTTLE)
        assert isinstance(outcome, Deferred)
        assert outcome.provider_wide
        assert outcome.retry_after == pytest.approx(self.throttled_for, abs=0.01)
        assert taken == 0

    def test_an_answer_that_is_lost_after_the_message_was_taken_is_unknown(self) -> None:
        outcome, taken = self._one(Action.TAKE_AND_DROP)
        assert isinstance(outcome, Unknown)
        assert taken == 1

    def test_a_line_closed_before_anything_was_taken_is_unknown_as_well(self) -> None:
        outcome, taken = self._one(Action.DROP)
        assert isinstance(outcome, Unknown)
        assert taken == 0

    def test_a_failure_after_the_message_was_taken_is_unknown(self) -> None:
        outcome, taken = self._one(Action.TAKE_AND_FAIL)
        assert isinstance(outcome, Unknown)
        assert taken == 1

    def test_no_answer_within_the_deadline_is_unknown(self) -> None:
        async def test() -> None:
            behaviour = Behaviour(once=deque([Action.TAKE_AND_HANG]))
            async with self._standing(behaviour, deadline="0.3") as (sandbox, connection):
                await until_connected(connection)
                started = time.monotonic()
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, Unknown)
                assert time.monotonic() - started < 3
                await until(lambda: sandbox.ledger.taken)

        run(test)

    def test_a_refused_connection_is_deferred(self) -> None:
        async def test() -> None:
            async with Sandbox(**self.ports) as sandbox:
                provider = self.build(sandbox, deadline="1")
            message = outgoing()
            async with opened(provider) as connection:
                (outcome,) = await connection.hand_over_all([message])
            assert isinstance(outcome, Deferred)
            assert message.departed_at is None

        run(test)

    def test_a_message_that_is_too_late_never_reaches_the_gateway(self) -> None:
        async def test() -> None:
            async with self._standing() as (sandbox, connection):
                late, timely = outgoing(1, leave_within=0), outgoing(2)
                outcomes = await connection.hand_over_all([late, timely])
                assert outcomes[0] is None
                assert isinstance(outcomes[1], Accepted)
                assert late.departed_at is None
                assert [taken.text for taken in sandbox.ledger.taken] == [timely.text]

        run(test)

    def test_what_becomes_too_late_while_connecting_does_not_leave(self) -> None:
        """The check stands right before the first byte, not at the head of the hand-over."""

        async def test() -> None:
            async with self._standing() as (sandbox, connection):
                await connection.hand_over_all([outgoing(1)])
                message = outgoing(2, kind=Frozen)
                assert await connection.hand_over_all([message]) == [None]
                assert len(sandbox.ledger.taken) == 1

        run(test)

    def test_a_process_that_was_stopped_for_a_while_sends_nothing_late(self) -> None:
        """As by SIGSTOP in the middle of connecting: the loop stands still, the time goes on."""

        async def test() -> None:
            async with self._standing() as (sandbox, connection):
                message = outgoing(leave_within=0.15)
                handing = asyncio.create_task(connection.hand_over_all([message]))
                asyncio.get_running_loop().call_soon(time.sleep, 0.2)
                assert await handing == [None]
                assert not sandbox.ledger.taken

        run(test)

    def test_the_validity_is_on_the_wire(self) -> None:
        async def test() -> None:
            async with self._standing() as (sandbox, connection):
                await connection.hand_over_all([outgoing(valid_for=2 * 3600 + 30)])
                assert 2 * 3600 - 30 <= self.validity_on_the_wire(sandbox) <= 2 * 3600 + 30

        run(test)

    def test_the_window_bounds_what_is_in_flight(self) -> None:
        async def test() -> None:
            async with self._standing(Behaviour(delay=0.05), window="5") as (sandbox, connection):
                outcomes = await connection.hand_over_all(flight(20))
                assert all(isinstance(outcome, Accepted) for outcome in outcomes)
                assert 2 <= self.most_in_flight(sandbox) <= 5
                assert len(sandbox.ledger.times_taken()) == 20

        run(test)

    def test_outcomes_stand_in_the_order_of_the_flight(self) -> None:
        async def test() -> None:
            acts = [Action.ACCEPT, Action.REFUSE, Action.THROTTLE, Action.ACCEPT]
            async with self._standing(Behaviour(once=deque(acts))) as (_, connection):
                for act in acts:
                    (outcome,) = await connection.hand_over_all([outgoing()])
                    kind = {
                        Action.ACCEPT: Accepted,
                        Action.REFUSE: Rejected,
                        Action.THROTTLE: Deferred,
                    }
                    assert isinstance(outcome, kind[act])
                    await asyncio.sleep(self.pause_after(act))

        run(test)

    def pause_after(self, act: Action) -> float:
        return 0.0

    def test_a_provider_may_be_connected_to_again(self) -> None:
        async def test() -> None:
            async with Sandbox(**self.ports) as sandbox:
                provider = self.build(sandbox)
                for number in (1, 2):
                    async with opened(provider) as connection:
                        (outcome,) = await connection.hand_over_all([outgoing(number)])
                        assert isinstance(outcome, Accepted)
                assert len(sandbox.ledger.taken) == 2

        run(test)

    def test_a_provider_does_not_change_while_its_connections_send(self) -> None:
        """Pages read the same object that a worker sends by."""

        async def test() -> None:
            async with Sandbox(**self.ports) as sandbox:
                provider = self.build(sandbox)
                before = dict(vars(provider))
                async with opened(provider) as one, opened(provider) as other:
                    for number, connection in enumerate((one, other), 1):
                        (outcome,) = await connection.hand_over_all([outgoing(number)])
                        assert isinstance(outcome, Accepted)
                assert vars(provider) == before
                assert not hasattr(provider, "hand_over")

        run(test)

    def test_it_goes_on_after_the_gateway_was_restarted(self) -> None:
        async def test() -> None:
            async with self._standing() as (sandbox, connection):
                assert isinstance((await connection.hand_over_all([outgoing(1)]))[0], Accepted)
                await sandbox.stop()
                await asyncio.sleep(0.05)
                assert isinstance((await connection.hand_over_all([outgoing(2)]))[0], Deferred)
                await sandbox.start()
                assert isinstance(await persistently(connection, 3), Accepted)
                assert set(sandbox.ledger.times_taken().values()) == {1}

        run(test)

    def test_what_is_said_of_a_message_is_true(self) -> None:
        """With everything going wrong at once; the gateway's list is the judge."""

        async def test() -> None:
            acts = [
                act
                for act in Action
                if act not in (Action.ACCEPT, Action.FORBID, Action.TAKE_AND_HANG)
            ]
            behaviour = Behaviour(percent=dict.fromkeys(acts, 4), delay=0.002, seed=1)
            options = {"window": "20", "deadline": "1"}
            async with self._standing(behaviour, **options) as (sandbox, connection):
                said: dict[str, object] = {}
                for first in range(1, 601, 20):
                    messages = [outgoing(number) for number in range(first, first + 20)]
                    outcomes = await connection.hand_over_all(messages)
                    said |= zip([m.phone_number for m in messages], outcomes, strict=True)
                    await asyncio.sleep(self.pause_after(Action.DROP))
                taken = sandbox.ledger.times_taken()
            assert max(taken.values()) == 1
            for number, outcome in said.items():
                if not isinstance(outcome, Unknown):
                    assert taken[number] == isinstance(outcome, Accepted), outcome
            kinds = {type(outcome) for outcome in said.values()}
            assert kinds == {Accepted, Rejected, Deferred, Unknown}

        run(test)

    def test_neither_repr_nor_outcome_shows_a_secret(self) -> None:
        async def test() -> None:
            async with self._standing(Behaviour(once=deque([Action.REFUSE]))) as (_, connection):
                outcomes = await connection.hand_over_all([outgoing(1)])
                shown = (connection, vars(connection), vars(connection.provider), outcomes)
                assert "geheim" not in repr(shown)

        run(test)


class Frozen(OutboundMessage):
    """A message whose process was stopped in the middle of its hand-over."""

    def mark_departed(self) -> None:
        raise TooLate


async def persistently(connection: Connection[Any], message_id: int) -> object:
    """The first outcome that is not "later"; each try is a new hand-over, as in the pipeline."""
    for _ in range(100):
        (outcome,) = await connection.hand_over_all([outgoing(message_id)])
        if not isinstance(outcome, Deferred):
            return outcome
        await asyncio.sleep(0.05)
    raise AssertionError("it never came back")

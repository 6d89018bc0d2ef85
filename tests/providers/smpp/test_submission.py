"""When a message leaves by SMPP: after a rest of the connection, and never when it is too late."""

import asyncio
import time
from collections import Counter, deque

import pytest

from tests.gateways.builders import flight, opened, outgoing, run, until
from tests.providers.smpp.test_connection import LONG, SMPP_ONLY
from tests.providers.smpp.test_provider import smpp
from vestnik.providers.base import Accepted, Deferred, Unknown
from vestnik.providers.smpp.submission import Window
from vestnik.sandbox.behaviour import Action, Behaviour
from vestnik.sandbox.gateway import Sandbox


def test_throttling_pauses_the_whole_connection_and_a_flight_waits_it_out() -> None:
    async def test() -> None:
        behaviour = Behaviour(once=deque([Action.THROTTLE]))
        async with (
            Sandbox(**SMPP_ONLY, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            first, messages = outgoing(9), flight(5)
            (throttled,) = await connection.hand_over_all([first])
            assert isinstance(throttled, Deferred)
            outcomes = await connection.hand_over_all(messages)
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
            assert first.answered_at is not None
            assert throttled.retry_after is not None
            rested = first.answered_at + throttled.retry_after - 0.01
            assert all(message.departed_at and message.departed_at > rested for message in messages)

    run(test)


def test_what_cannot_leave_after_the_rest_stays_here_untouched() -> None:
    """It is no word of the SMSC on that message, so it counts for nothing."""

    async def test() -> None:
        behaviour = Behaviour(once=deque([Action.THROTTLE]))
        async with (
            Sandbox(**SMPP_ONLY, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            first, message = outgoing(1), outgoing(2)
            await connection.hand_over_all([first])
            assert first.answered_at is not None
            message.depart_before = first.answered_at + 0.03
            assert await connection.hand_over_all([message]) == [None]
            assert message.departed_at is None
            assert not sandbox.ledger.taken

    run(test)


def test_only_what_was_throttled_itself_is_deferred() -> None:
    """Flights beside the throttled one were returned whole: that opened the breaker."""

    async def test() -> None:
        behaviour = Behaviour(percent={Action.THROTTLE: 2.5}, delay=0.005, seed=1)
        kinds: Counter[type] = Counter()
        async with (
            Sandbox(**SMPP_ONLY, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):

            async def send_range(first: int) -> None:
                for start in range(first, first + 500, 50):
                    messages = [outgoing(number) for number in range(start, start + 50)]
                    kinds.update(map(type, await connection.hand_over_all(messages)))

            await asyncio.gather(send_range(1), send_range(501))
            assert kinds[Accepted] == len(sandbox.ledger.taken) == 1000 - kinds[Deferred]
            assert 5 <= kinds[Deferred] <= 50

    run(test)


def test_a_process_that_was_stopped_right_before_it_wrote_does_not_write() -> None:
    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            await connection.hand_over_all([outgoing(1)])
            late, timely = outgoing(2, LONG, leave_within=0.15), outgoing(3)
            handing = asyncio.create_task(connection.hand_over_all([late, timely]))
            # On the loop: the process stands still.
            asyncio.get_running_loop().call_soon(time.sleep, 0.2)
            outcomes = await handing
            assert outcomes[0] is None
            assert late.departed_at is None
            assert isinstance(outcomes[1], Accepted)
            assert [taken.text for taken in sandbox.ledger.taken[1:]] == [timely.text]
            assert isinstance((await connection.hand_over_all([outgoing(4)]))[0], Accepted)

    run(test)


def test_parts_that_would_go_again_after_the_end_stay_and_the_message_is_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by SIGSTOP between the throttled answer and the second try."""
    monkeypatch.setattr("vestnik.providers.smpp.throttle.SHORTEST_PAUSE", 0.3)

    async def test() -> None:
        acts = deque([Action.ACCEPT, Action.THROTTLE, Action.ACCEPT])
        async with (
            Sandbox(**SMPP_ONLY, behaviour=Behaviour(once=acts)) as sandbox,
            opened(smpp(sandbox, throttle_pause="0.3")) as connection,
        ):
            message = outgoing(1, LONG)
            handing = asyncio.create_task(connection.hand_over_all([message]))
            await until(lambda: connection.throttle.pause_left > 0)
            message.depart_before = time.monotonic()  # as if the process had stood still so long
            (outcome,) = await handing
            assert outcome == Unknown("the SMSC answers ESME_RTHROTTLED (2 of 3 parts were taken)")
            await asyncio.sleep(0.05)
            assert not sandbox.ledger.taken

    run(test)


def test_the_window_serves_in_order_and_survives_who_gives_up() -> None:
    async def test() -> None:
        window, served = Window(2), []

        async def guest(name: str, count: int) -> None:
            await window.wait_and_take(count)
            served.append(name)

        await guest("a", 1)
        big = asyncio.create_task(guest("big", 2))
        await asyncio.sleep(0)
        small = asyncio.create_task(guest("small", 1))
        await asyncio.sleep(0)
        assert served == ["a"]
        big.cancel()
        await asyncio.sleep(0)
        window.release(1)
        await small
        assert served == ["a", "small"]

    run(test)

"""The order in which mailings are claimed."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from tests.builders import enlist_all, from_now, make_clients, make_mailing
from tests.stack.embedded_servers import wait_until
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.models import Batch, MailingTurn
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.claims import ClaimOrder
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_release
from vestnik.dispatch.send import fair_queue
from vestnik.dispatch.send.fair_queue import Backlog, FairQueue, make_plan
from vestnik.dispatch.transitions.lease import CLAIM, LONGEST_TURN, MOST_BEHIND
from vestnik.mailings.models import Mailing
from vestnik.providers.null import NullProvider

pytestmark = pytest.mark.django_db

LEASE = 30.0


def make_several(count: int, clients: int = 10, **fields: Any) -> list[Mailing]:
    """Create running mailings to the same clients."""
    make_clients(clients)
    return [make_another(**fields) for _ in range(count)]


def make_another(**fields: Any) -> Mailing:
    mailing = make_mailing(**fields)
    assert launch.launch(mailing.id)
    enlist_all(mailing)
    fair_queue.read_backlogs(mailing.provider)
    return mailing


def serve(turns_taken: int, order: ClaimOrder, served: int = 1) -> list[int]:
    """Claim turns, each of which hands over `served` messages; return the mailings in that
    order."""
    found = []
    for _ in range(turns_taken):
        claim = claims.claim("null", LEASE, order=order)
        assert claim is not None
        found.append(claim.mailing_id)
        record_and_release(claim, OutcomeBatch(), served=served)
    return found


def equal(mailings: list[Mailing], capacity: float = 10.0) -> ClaimOrder:
    return ClaimOrder({one.id: capacity / len(mailings) for one in mailings}, 1.0)


def test_twenty_that_start_together_take_turns() -> None:
    mailings = make_several(20)
    order = equal(mailings)

    for _ in range(3):
        assert sorted(serve(20, order)) == [one.id for one in mailings]


def test_equal_ones_keep_their_order_while_their_rates_change_a_little() -> None:
    """The rates are computed again each second, from what is left until the end. In the order of
    such differences a mailing that was first in a round was last in the next one."""
    mailings = make_several(20)
    chance = random.Random(5)
    served: list[int] = []
    for _ in range(20):
        rates = {one.id: 0.5 * chance.uniform(0.99, 1.01) for one in mailings}
        served += serve(5, ClaimOrder(rates, 0.5))

    assert served == served[:20] * 5


def test_a_mailing_gets_turns_by_its_rate() -> None:
    big, small = make_several(2)

    got = Counter(serve(40, ClaimOrder({big.id: 7.5, small.id: 2.5}, 1.0)))

    assert (got[big.id], got[small.id]) == pytest.approx((30, 10), abs=1)


def test_a_large_one_that_is_far_ahead_does_not_stand_still_for_new_ones() -> None:
    (old,) = make_several(1)
    order = ClaimOrder({old.id: 10.0}, 10.0)
    serve(60, order)
    mailings = [old, make_another(), make_another()]

    for _ in range(5):
        assert sorted(serve(3, equal(mailings))) == [one.id for one in mailings]


def test_one_that_was_paused_does_not_catch_up_at_the_cost_of_others() -> None:
    paused, running = make_several(2)
    order = equal([paused, running])
    serve(2, order)
    MailingTurn.objects.filter(mailing=paused).update(virtual_time=-3600)

    got = Counter(serve(60, order))

    behind = MOST_BEHIND + LONGEST_TURN
    assert 0 < got[paused.id] - got[running.id] <= behind * 5 + 1


def test_every_third_turn_is_for_the_first_messages_of_new_ones() -> None:
    mailings = make_several(3)
    serve(30, equal(mailings))
    new = make_another()
    order = equal([*mailings, new])
    first = ClaimOrder(order.rates, 1.0, new_first=True, new_below=5)

    got: Counter[int] = Counter()
    for _ in range(5):
        got.update(serve(2, order) + serve(1, first))

    assert got[new.id] >= 5
    got = Counter(serve(9, first))
    assert max(got.values()) <= 3


def test_one_message_waits_for_no_rotation_of_large_ones_that_are_new_as_well() -> None:
    large = make_several(20, clients=2000)
    rates = {one.id: 2_000.0 for one in large}
    serve(10, ClaimOrder(rates, 2_000.0, 1000), served=1000)
    Client.objects.filter(id=Client.objects.order_by("id").values("id")[:1]).update(tag="one")
    one = make_another(filter={"tags": ["one"]})

    order = ClaimOrder({**rates, one.id: 2_000.0}, 2_000.0, 1000, new_first=True, new_below=40_000)

    assert serve(1, order) == [one.id]


def test_a_stream_of_small_ones_leaves_others_their_turns() -> None:
    (big,) = make_several(1)
    serve(10, ClaimOrder({big.id: 10.0}, 10.0))
    got: Counter[int] = Counter()
    for _ in range(20):
        new = make_another()
        order = ClaimOrder({big.id: 5.0, new.id: 5.0}, 5.0)
        got.update(serve(2, order) + serve(1, ClaimOrder(order.rates, 5.0, 1, True, 5)))
        Batch.objects.filter(mailing=new).update(state="done", queued=0, cancelled=10)
    assert got[big.id] >= 15


def test_what_another_worker_has_claimed_counts_as_handed_over() -> None:
    first, second = make_several(2, clients=2000)
    order = equal([first, second])
    claimed = [claims.claim("null", LEASE, order=order) for _ in range(4)]
    assert Counter(one.mailing_id for one in claimed if one) == {first.id: 2, second.id: 2}


def test_a_turn_that_could_not_be_used_is_over() -> None:
    first, second = make_several(2)
    assert sorted(serve(2, equal([first, second]), served=0)) == [first.id, second.id]


def test_of_one_mailing_those_go_first_whose_hours_close_first() -> None:
    (mailing,) = make_several(1)
    batch = Batch.objects.get(mailing=mailing)
    closings = [from_now(3600), None, from_now(600), from_now(1800)]
    Batch.objects.filter(id=batch.id).delete()
    for number, closes in enumerate(closings):
        batch.id, batch.number = None, number
        batch.first_message_id += 1
        batch.open_until = closes
        batch.save()

    order = []
    while claim := claims.claim("null", LEASE):
        order.append(Batch.objects.get(id=claim.batch_id).number)

    assert order == [2, 3, 0, 1]


def test_what_a_mailing_waits_for_is_read() -> None:
    (soon,) = make_several(1, ends_in=100)
    limited = make_another(ends_in=1000, rate_limit=3)
    hours = make_another(ends_in=7200, local_hours={"from": "00:00", "until": "23:59"})
    Batch.objects.filter(mailing=hours).update(open_until=from_now(50))
    make_another(provider="console")

    found = fair_queue.read_backlogs("null")

    assert set(found) == {soon.id, limited.id, hours.id}
    assert [found[one.id].needed_rate for one in (soon, limited, hours)] == pytest.approx(
        [10 / 100, 10 / 1000, 10 / 50], rel=0.1
    )
    assert found[limited.id].limit == 3


def test_each_part_has_to_be_through_by_its_own_end() -> None:
    waiting = Backlog(None, 1, 0, [(10, 10), (5, 100), (200, 1000)])
    assert waiting.needed_rate == 1.0
    assert Backlog(None, 1, 0, [(1, 10), (500, 100)]).needed_rate == 501 / 100


def test_a_plan_gives_those_who_begin_to_wait_an_equal_part() -> None:
    found = make_plan(
        {1: Backlog(None, 1, 0, [(10, 1000)]), 2: Backlog(None, 1, 0, [(10, 1000)])}, 9
    )
    assert found.rates == {1: 4.5, 2: 4.5}
    assert found.rate_of_others == 3.0
    assert make_plan({}, 9).rate_of_others == 9


def test_a_mailing_that_is_announced_while_a_plan_is_made_is_in_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not forgotten until the plan is due anyway: its messages would not count as waiting."""
    monkeypatch.setattr(fair_queue, "REPLAN_EVERY", 3600.0)
    make_several(1)
    queue = FairQueue(NullProvider("null", {}))

    def announce_another(execute: Callable[..., object], *statement: object) -> object:
        rows = execute(*statement)
        if statement[0] == fair_queue.READ_BACKLOGS:
            connection.execute_wrappers.remove(announce_another)
            make_another()
            queue.has_news = True  # as a wake-up does
        return rows

    connection.execute_wrappers.append(announce_another)
    assert len(queue.current_plan().rates) == 1
    wait_until(lambda: len(queue.current_plan().rates) == 2, 20)


def rows_that_a_claim_reads(mailings: list[Mailing]) -> float:
    """Add up the computed nodes of the plan, each as often as it was executed.

    Scans of tables are left out: the planner reads tables of this size whole instead of by index.
    """
    parameters = {
        "alias": "null", "resting": [], "claim": 1, "lease": LEASE, "turn": 1,
        "rates": json.dumps({one.id: 1.0 for one in mailings}), "rate": 1.0,
        "new_first": False, "new_below": 0,
    }  # fmt: skip
    (found,) = sql.value(f"EXPLAIN (ANALYZE, FORMAT JSON) {CLAIM}", parameters)

    def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield plan
        for part in plan.get("Plans", ()):
            yield from nodes(part)

    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(found["Plan"])
        if node["Node Type"] in ("CTE Scan", "Function Scan", "Aggregate")
    )


def test_the_cost_of_a_claim_grows_in_proportion_to_the_mailings() -> None:
    """The cost must not grow with their square: with 500 mailings a claim took 0.2 s."""
    mailings = make_several(20, clients=1)
    few = rows_that_a_claim_reads(mailings)
    mailings += [make_another() for _ in range(60)]

    many = rows_that_a_claim_reads(mailings)

    assert few > 20
    assert many < 6 * few

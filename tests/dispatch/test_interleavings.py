"""Two operations on one mailing meet at any statement: a sample of `make interleave`."""

import random
import time
from collections.abc import Callable

import pytest
from django.db import transaction

from tests.interleaving import meeting, pairs
from tests.interleaving.meeting import Meeting, Stage
from tests.interleaving.operations import OPERATIONS, Operation
from tests.interleaving.situations import Situation
from vestnik.db import sql

pytestmark = pytest.mark.django_db(transaction=True)

SEED, SIZE, LEAST = 18, 250, 10
#: The number of runs; fewer on a slow machine.
MOST_SECONDS = 25.0


def test_whatever_meets_nothing_is_sent_lost_or_miscounted_that_must_not_be(
    record_property: Callable[[str, object], None],
) -> None:
    began, ran, longest = time.monotonic(), 0, 0.0
    with Stage() as stage:
        for one in pairs.sample(stage, SIZE, random.Random(SEED)):
            result = stage.run(one)
            assert not result.faults, f"{one}, before {result.stopped_at!r}"
            ran, longest = ran + 1, max(longest, result.held)
            if time.monotonic() > began + MOST_SECONDS:
                break
    record_property("interleavings", ran)
    record_property("longest_held_seconds", longest)
    assert ran >= LEAST


def lock(situation: Situation, seconds: float) -> None:
    """Lock the mailing's row for this many seconds."""
    with transaction.atomic():
        sql.run("SELECT FROM mailings_mailing WHERE id = %s FOR UPDATE", [situation.mailing])
        sql.run("SELECT pg_sleep(%s)", [seconds])


@pytest.mark.parametrize(("seconds", "is_fault"), [(0.0, False), (1.3, True)])
def test_what_is_held_for_long_while_the_other_waits_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, seconds: float, is_fault: bool
) -> None:
    """Time in which the test stops the holder is not counted."""
    monkeypatch.setattr(meeting, "MOST_HELD", 1.2)
    for name, lasts in (("hold", seconds), ("want", 0.0)):
        one = Operation(name, ("paused",), lambda situation, _, lasts=lasts: lock(situation, lasts))
        monkeypatch.setitem(OPERATIONS, name, one)
    with Stage() as stage:
        before_the_sleep = stage.statements("hold", "paused") - 1
        result = stage.run(Meeting("hold", "want", "paused", before_the_sleep))
    assert result.waited
    assert bool(result.faults) == is_fault, result.faults
    assert (result.held > 1.2) == is_fault

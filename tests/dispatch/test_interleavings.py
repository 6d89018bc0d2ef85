"""Two operations on one mailing meet at any statement: a sample of what `make interleave` runs."""

import random
import time
from collections.abc import Callable

import pytest

from tests.interleaving import pairs
from tests.interleaving.meeting import Stage

pytestmark = pytest.mark.django_db(transaction=True)

SEED, SIZE, LEAST = 18, 250, 10
#: On a slow machine fewer are run.
MOST_SECONDS = 25.0


def test_whatever_meets_nothing_is_sent_lost_or_miscounted_that_must_not_be(
    record_property: Callable[[str, object], None],
) -> None:
    began, ran = time.monotonic(), 0
    with Stage() as stage:
        for meeting in pairs.sample(stage, SIZE, random.Random(SEED)):
            result = stage.run(meeting)
            assert not result.faults, f"{meeting}, before {result.stopped_at!r}"
            ran += 1
            if time.monotonic() > began + MOST_SECONDS:
                break
    record_property("interleavings", ran)
    assert ran >= LEAST

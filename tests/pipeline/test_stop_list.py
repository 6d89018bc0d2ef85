"""Numbers that are stopped while their mailing runs get no further message."""

import time

from tests.pipeline.mailings import audit, create, fill, wait_ended


def test_a_stop_is_done_within_a_second(stack):
    fill(stack, 3_000)
    mailing = create(stack, rate_limit=400)
    stack.wait_for_line(f"mailing={mailing} ", seconds=5)
    stopped = [str(79000000000 + n) for n in range(0, 3_000, 2)]

    answer = stack.api("POST", "stop-list/", {"phone_numbers": stopped})
    told = time.monotonic()

    assert answer.body == {"added": 1_500, "known": 0}
    wait_ended(stack, mailing, seconds=20)
    report = audit(stack, mailing)
    late = [sent for sent in report.arrivals if sent.line.monotonic > told + 1.0]
    assert not {sent.phone for sent in late} & set(stopped)
    assert late
    assert report.adds_up
    assert set(report.rows) == {"sent", "suppressed"}
    assert report.rows["sent"] == len(report.arrivals)
    assert report.rows["suppressed"] > 500
    assert not report.doubled
    stack.sql("DELETE FROM audience_stoplistentry")

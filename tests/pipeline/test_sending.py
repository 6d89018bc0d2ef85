"""A mailing from the request to the last message, checked at the receiving end: the console."""

import time

from tests.pipeline.mailings import TEXT, audit, command, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until


def test_every_matching_client_gets_the_text_once(stack):
    fill(stack, 50)
    mailing = create(stack, filter={"tags": ["tag1", "tag2"]})
    wait_ended(stack, mailing, seconds=10)
    report = audit(stack, mailing)
    assert report.adds_up
    assert report.rows == {"sent": 20}
    assert {int(sent.phone) % 5 for sent in report.arrivals} == {1, 2}
    assert len(report.arrivals) == 20
    assert f'text="{TEXT}"' in report.arrivals[0].line.text


def test_a_mailing_starts_by_itself_and_never_early(stack):
    fill(stack, 10)
    began = time.time()
    mailing = create(stack, starts_in=2.0)
    wait_ended(stack, mailing, seconds=10)
    report = audit(stack, mailing)
    assert report.rows == {"sent": 10}
    assert min(sent.line.wall for sent in report.arrivals) >= began + 2.0
    early = "SELECT count(*) FROM dispatch_message m JOIN mailings_mailing g ON g.id = mailing_id"
    assert stack.sql(f"{early} WHERE mailing_id = %s AND sent_at < starts_at", (mailing,)) == [(0,)]


def test_nothing_leaves_at_or_after_the_end(stack):
    # A rate at which the console is read as fast as it prints.
    fill(stack, 20_000)
    began = time.time()
    mailing = create(stack, ends_in=1.5, rate_limit=4_000)
    wait_ended(stack, mailing, seconds=30)
    report = audit(stack, mailing)
    assert max(sent.line.wall for sent in report.arrivals) < began + 1.5
    assert report.adds_up
    assert report.matched == 20_000
    assert set(report.rows) == {"expired", "sent"}
    assert report.rows["sent"] == len(report.arrivals)
    assert not report.doubled


def test_pause_is_done_within_a_second_and_resume_sends_the_rest(stack):
    fill(stack, 3_000)
    mailing = create(stack, rate_limit=1_000)
    stack.wait_for_line(f"mailing={mailing} ", seconds=5)
    paused = command(stack, mailing, "pause")
    time.sleep(2.0)
    held = list(stack.sent(mailing))
    assert 0 < len(held) < 3_000
    assert max(sent.line.monotonic for sent in held) <= paused + 1.0
    assert read(stack, mailing)["state"] == "paused"

    command(stack, mailing, "resume")
    wait_ended(stack, mailing, seconds=20)
    report = audit(stack, mailing)
    assert report.rows == {"sent": 3_000}
    assert len(report.arrivals) == 3_000
    assert not report.doubled


def test_cancel_is_done_within_a_second(stack):
    fill(stack, 3_000)
    mailing = create(stack, rate_limit=1_000)
    stack.wait_for_line(f"mailing={mailing} ", seconds=5)
    cancelled = command(stack, mailing, "cancel")
    progress = read(stack, mailing)["progress"]
    assert progress["queued"] == 0
    wait_ended(stack, mailing, seconds=10)
    time.sleep(1.0)
    report = audit(stack, mailing)
    assert max(sent.line.monotonic for sent in report.arrivals) <= cancelled + 1.0
    assert set(report.rows) == {"cancelled", "sent"}
    assert report.adds_up


def test_the_rate_is_held_over_all_workers(stack):
    fill(stack, 2_400)
    mailing = create(stack, rate_limit=200)
    wait_ended(stack, mailing, seconds=30)
    times = sorted(sent.line.monotonic for sent in audit(stack, mailing).arrivals)
    assert len(times) == 2_400
    most = max(sum(start <= t < start + 10 for t in times) for start in times[::20])
    assert most <= 200 * 10 * 1.05
    # Not below the rate either, within five percent, from the first message to the last.
    assert (len(times) - 1) / (times[-1] - times[0]) >= 200 * 0.95


def test_a_million_do_not_hold_up_ten(stack):
    fill(stack, 1_000_000)
    stack.sql("UPDATE audience_client SET tag = 'few' WHERE phone_number < '79000000010'")
    large = create(stack, provider="null")
    wait_until(lambda: read(stack, large)["progress"]["sent"] > 1_000, seconds=10)
    began = time.monotonic()
    small = create(stack, provider="null", filter={"tags": ["few"]})
    found = wait_ended(stack, small, seconds=5)
    assert time.monotonic() - began < 5
    assert found["progress"]["sent"] == 10
    assert read(stack, large)["state"] == "running"
    command(stack, large, "cancel")
    cancelled = wait_ended(stack, large, seconds=30)["progress"]
    assert cancelled["sent"] + cancelled["cancelled"] == cancelled["matched"] == 1_000_000

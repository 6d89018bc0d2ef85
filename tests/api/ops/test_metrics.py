"""/metrics is correct from any process that answers."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.caller import Caller
from tests.builders import make_running
from tests.dispatch.send.breakers import opened
from tests.dispatch.sent import record
from tests.dispatch.signals.test_metrics import emptied
from vestnik.db import sql
from vestnik.dispatch.record import claims
from vestnik.dispatch.signals.metrics import DELAY_BUCKETS, LATENCY_BUCKETS, Counters
from vestnik.providers.base import Accepted, Deferred

pytestmark = pytest.mark.django_db

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def no_counts_yet() -> Iterator[None]:
    with emptied():
        yield


def read(api: Caller) -> Samples:
    answer = api.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.content.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"vestnik_{name}", frozenset(labels.items())]


def test_a_key_is_needed_and_a_viewers_will_do() -> None:
    assert Caller(role=None).get("/metrics").status_code == 401
    assert Caller(role="viewer").get("/metrics").status_code == 200


def test_what_prometheus_accepts_does_not_matter(api: Caller) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    assert api.get("/metrics", accept=accept).status_code == 200


def test_messages_of_mailings_under_way_and_those_in_doubt(api: Caller) -> None:
    record(make_running(5), ["sent", "sent", "unknown"])

    samples = read(api)

    assert value(samples, "messages", provider="null", state="sent") == 2
    assert value(samples, "messages", provider="null", state="queued") == 2
    assert value(samples, "messages_in_doubt", provider="null") == 1
    assert value(samples, "messages_in_doubt", provider="console") == 0


def test_the_backlog_and_how_long_it_has_waited(api: Caller) -> None:
    make_running(5)
    sql.run("UPDATE dispatch_batch SET due_at = clock_timestamp() - interval '90 seconds'")

    samples = read(api)

    assert value(samples, "backlog", provider="null") == 5
    assert value(samples, "oldest_due_seconds", provider="null") == pytest.approx(90, abs=5)
    assert value(samples, "backlog", provider="console") == 0


def test_what_is_claimed_or_waits_for_its_time_is_not_overdue(api: Caller) -> None:
    make_running(5)
    assert claims.claim("null", 30)
    samples = read(api)
    assert value(samples, "backlog", provider="null") == 5
    assert value(samples, "oldest_due_seconds", provider="null") == 0


RESUMED = """
INSERT INTO mailings_mailingevent (mailing_id, at, actor, event, from_state, to_state, reason)
VALUES (%s, {ago}, '', 'resume', '', '', '')
"""


@pytest.mark.parametrize(
    ("rate_limit", "sent_ago", "resumed_ago", "waits"),
    [
        (None, 3.0, None, 90.0),  # it could leave now
        (None, 60.0, 20.0, 20.0),
        (1, 0.5, None, 0.0),
        (1, 31.0, None, 30.0),  # it does not move at any rate
        (1, None, None, 90.0),
        (1, 60.0, 20.0, 20.0),
    ],
)
def test_what_waits_for_its_rate_counts_from_when_it_could_have_been_sent(
    api: Caller,
    rate_limit: int | None,
    sent_ago: float | None,
    resumed_ago: float | None,
    waits: float,
) -> None:
    mailing = make_running(5, rate_limit=rate_limit)
    if sent_ago is not None:
        record(mailing, ["sent"])
    ago = "clock_timestamp() - %s * interval '1 second'"
    sql.run(f"UPDATE dispatch_batch SET due_at = {ago}", [90])
    sql.run(f"UPDATE dispatch_message SET sent_at = {ago} WHERE sent_at IS NOT NULL", [sent_ago])
    if resumed_ago is not None:
        sql.run(RESUMED.format(ago=ago), [mailing.id, resumed_ago])

    waited = value(read(api), "oldest_due_seconds", provider="null")

    assert waited == pytest.approx(waits, abs=5 if waits else 0)


def test_the_breaker_has_one_state(api: Caller) -> None:
    opened("console")

    samples = read(api)

    states = [
        value(samples, "breaker_state", provider="console", state=state)
        for state in ("closed", "open", "half-open")
    ]
    assert states == [0, 1, 0]
    assert value(samples, "breaker_openings", provider="console") == 1


def test_counts_of_several_workers_add_up(api: Caller) -> None:
    for _ in range(2):
        meters = Counters()
        meters.count_flight("null", [], [Accepted(), Accepted(), Deferred("x")])
        meters.count("permits", "null", 3)
        meters.count("leases_lost", "")
        for seconds in (0.003, 0.3, 100.0):
            meters.observe("hand_over_seconds", "null", seconds, LATENCY_BUCKETS)
        meters.observe("start_delay_seconds", "null", 0.02, DELAY_BUCKETS)
        meters.flush()

    samples = read(api)

    assert value(samples, "hand_overs_total", provider="null", outcome="accepted") == 4
    assert value(samples, "hand_overs_total", provider="null", outcome="deferred") == 2
    assert value(samples, "permits_total", provider="null") == 6
    assert value(samples, "leases_lost_total") == 2
    for le, count in {"0.005": 2, "0.25": 2, "0.5": 4, "10.0": 4, "+Inf": 6}.items():
        assert value(samples, "hand_over_seconds_bucket", provider="null", le=le) == count
    assert value(samples, "hand_over_seconds_count", provider="null") == 6
    assert value(samples, "hand_over_seconds_sum", provider="null") == pytest.approx(200.606)
    assert value(samples, "start_delay_seconds_bucket", provider="null", le="0.025") == 2

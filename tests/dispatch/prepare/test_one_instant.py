"""The audience is fixed at one instant, and a mailing that cannot be enlisted pauses with a
reason."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.builders import (
    counts,
    enlist_all,
    make_client,
    make_clients,
    make_mailing,
)
from tests.dispatch.sent import assert_it_adds_up
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.models import AudienceSlice, EnlistmentCursor
from vestnik.dispatch.prepare import enlist, enlist_queue, launch
from vestnik.dispatch.runtime import tasks
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import RESUME, Mailing

pytestmark = pytest.mark.django_db(transaction=True)

EVERY_OTHER = "UPDATE audience_client SET tag = CASE id %% 2 WHEN 0 THEN 'vip' ELSE '' END"
THE_OTHERS = "UPDATE audience_client SET tag = CASE id %% 2 WHEN 0 THEN '' ELSE 'vip' END"


def begun(**fields: Any) -> Mailing:
    """Return a mailing to every second client, with the first chunk enlisted."""
    make_clients(3000)
    sql.run(EVERY_OTHER)
    mailing = make_mailing(**fields)
    assert launch.launch(mailing.id)
    assert enlist.enlist_chunk(mailing.id)
    return mailing


def got(mailing: Mailing) -> set[int]:
    return {client or 0 for client in mailing.messages.values_list("client_id", flat=True)}


@pytest.mark.parametrize(
    ("audience", "even"),
    [
        ({"tags": ["vip"]}, True),
        ({"tags": [""]}, False),
        ({"exclude": {"tags": ["vip"]}}, False),
        ({"tags": ["vip"], "exclude": {"operator_codes": ["999"]}}, True),
    ],
)
@pytest.mark.parametrize("local_hours", [None, {"from": "00:00", "until": "23:59"}])
def test_a_tag_that_changes_meanwhile_changes_nobody(
    audience: dict[str, Any], even: bool, local_hours: dict[str, str] | None
) -> None:
    mailing = begun(filter=audience, local_hours=local_hours)
    matched = {id for id in Client.objects.values_list("id", flat=True) if (id % 2 == 0) is even}
    sql.run(THE_OTHERS)
    enlist_all(mailing)
    assert got(mailing) == matched
    mailing.refresh_from_db()
    assert mailing.enlisted_at is not None
    assert not AudienceSlice.objects.exists()
    assert_it_adds_up(mailing)


def test_whoever_is_deleted_meanwhile_gets_nothing() -> None:
    mailing = begun(filter={"tags": ["vip"]})
    gone = Client.objects.filter(tag="vip").latest("id").id
    assert delete_client(gone)
    enlist_all(mailing)
    assert len(got(mailing)) == 1499
    assert gone not in got(mailing)


def test_nobody_who_is_added_meanwhile_is_in_it() -> None:
    mailing = begun(filter={"tags": ["vip"]})
    make_client("79161234567", tag="vip")
    enlist_all(mailing)
    assert len(got(mailing)) == 1500


def test_a_filter_that_matches_nobody_is_enlisted() -> None:
    make_clients(2)
    mailing = make_mailing(filter={"tags": ["nobody"]})
    assert launch.launch(mailing.id)
    enlist_all(mailing)
    assert EnlistmentCursor.objects.get(mailing=mailing).complete
    assert counts(mailing) == {}


def test_one_that_an_earlier_version_has_begun_goes_on() -> None:
    mailing = begun(filter={"tags": ["vip"]})
    AudienceSlice.objects.all().delete()
    EnlistmentCursor.objects.update(frozen=False)
    enlist_all(mailing)
    assert len(got(mailing)) == 1500


def test_one_that_an_earlier_version_goes_on_with_has_everybody_once() -> None:
    mailing = begun(filter={"tags": ["vip"]})
    last = max(Client.objects.filter(tag="vip").order_by("id").values_list("id", flat=True)[:1200])
    EnlistmentCursor.objects.update(cursor=last)
    enlist_all(mailing)
    assert len(got(mailing)) == 1300


@pytest.fixture
def broken() -> Iterator[None]:
    """Make the database refuse to store messages."""
    sql.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'value out of range' USING ERRCODE = '22003'; END $$"
    )
    sql.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON dispatch_message "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS refuse CASCADE")


def test_what_cannot_be_enlisted_pauses_itself_and_says_why(
    broken: None, caplog: pytest.LogCaptureFixture
) -> None:
    make_clients(2)
    mailing = make_mailing()
    for _ in range(20):
        tasks.look_at(mailing.id)
        EnlistmentCursor.objects.update(retry_at=None)
    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert mailing.state_reason == "Its audience cannot be enlisted: value out of range"
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    failures = [line for line in lines if line["event"] == "mailing not enlisted"]
    assert len(failures) == 3
    assert [bool(line["exc_info"]) for line in failures] == [True, False, False]
    assert enlist_queue.mailings_to_enlist() == []

    mailing.apply(RESUME, actor="test")
    assert enlist_queue.mailings_to_enlist() == [mailing.id]
    tasks.look_at(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "paused"

    sql.run("DROP FUNCTION refuse CASCADE")
    mailing.apply(RESUME, actor="test")
    tasks.look_at(mailing.id)
    assert counts(mailing) == {"queued": 2}
    mailing.refresh_from_db()
    assert mailing.state == "running"

"""Conditions about earlier mailings: who got one, who did not, who answered it."""

from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone

from tests.api.caller import Caller, errors_of, mailing_body
from tests.builders import enlist_all, make_client, make_clients, make_mailing, make_running
from tests.dispatch.sent import claim_of, due_ids, mark_in_flight, record
from vestnik.audience.filters.selection import UnknownCondition, matching
from vestnik.audience.models import Client
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dispatch.models import InboundText
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.suppress.erasure import erase_client
from vestnik.dispatch.suppress.opt_out import forget_old_texts, process_inbound
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import CANCEL, PAUSE, Mailing
from vestnik.providers.base import Inbound

pytestmark = pytest.mark.django_db
STATES = ("sent", "delivered", "undelivered", "failed", "unknown", "expired", "cancelled")
NEVER_IN = "79990000000"


@pytest.fixture
def api() -> Caller:
    return Caller()


def make_earlier() -> Mailing:
    """A finished mailing with a client in each state, and one client who was not in it."""
    mailing = make_running(len(STATES))
    for state, message in zip(STATES, mailing.messages.order_by("id"), strict=True):
        message.state, message.error, message.attempt_id = state, "so", 1
        message.sent_at = message.delivered_at = mailing.started_at
        message.save()
    Mailing.objects.filter(id=mailing.id).update(state="finished", finished_at=mailing.started_at)
    make_client(NEVER_IN)
    return mailing


def states_of(mailing: Mailing, audience: dict[str, Any]) -> set[str]:
    """In which states of the mailing those are whom the filter selects; `none` was not in it."""
    theirs = dict(mailing.messages.values_list("client_id", "state"))
    return {theirs.get(id, "none") for id in matching(audience).values_list("id", flat=True)}


NOT_REACHED = {"undelivered", "failed", "expired", "cancelled", "none"}


@pytest.mark.parametrize(
    ("word", "found"),
    [("got", {"sent", "delivered"}), ("not_got", NOT_REACHED), ("answered", set())],
)
@pytest.mark.parametrize("excluded", [False, True])
def test_by_what_became_of_the_message(word: str, found: set[str], excluded: bool) -> None:
    earlier = make_earlier()
    asked = {"mailings": {word: [earlier.id]}}
    everybody = {*STATES, "none"}
    expected = everybody - found if excluded else found
    assert states_of(earlier, {"exclude": asked} if excluded else asked) == expected


@pytest.mark.parametrize(("word", "is_selected"), [("got", False), ("not_got", True)])
def test_a_client_who_was_deleted_and_added_again_is_a_new_client(
    word: str, is_selected: bool
) -> None:
    """As decision 0123 says: messages are found by the id of their client."""
    mailing = make_running(1)
    record(mailing, ["sent"])
    client = Client.objects.get()
    assert delete_client(client.id)
    make_client(client.phone_number)

    assert matching({"mailings": {word: [mailing.id]}}).exists() is is_selected


def test_of_several_mailings_any_is_got_and_none_is_not_got() -> None:
    make_client("79000000000", tag="a")
    make_client("79000000001", tag="b")
    make_client("79000000002")
    ids = []
    for tag in ("a", "b"):
        mailing = make_mailing(filter={"tags": [tag]})
        assert launch(mailing.id)
        enlist_all(mailing)
        record(mailing, ["sent"])
        ids.append(mailing.id)

    def tags(word: str) -> list[str]:
        found = matching({"mailings": {word: ids}})
        return sorted(found.values_list("tag", flat=True))

    assert (tags("got"), tags("not_got")) == (["a", "b"], [""])
    both = {"mailings": {"got": ids[:1], "not_got": ids[1:]}}
    assert [client.tag for client in matching(both)] == ["a"]


def test_whoever_may_still_get_it_is_not_among_those_who_did_not() -> None:
    mailing = make_running(3)
    claim = claim_of(mailing)
    mark_in_flight(claim, due_ids(claim)[:1])
    not_got = matching({"mailings": {"not_got": [mailing.id]}})
    for order in (None, PAUSE):
        if order:
            mailing.apply(order, actor="test")
        assert not_got.count() == 0
    mailing.apply(CANCEL, actor="test")
    assert not_got.count() == 2  # and one is in flight


def test_whoever_wrote_after_it_has_answered() -> None:
    mailing = make_running(4)
    record(mailing, ["sent", "sent"])
    mailing.messages.filter(state="sent").update(sent_at=mailing.created_at)
    first, second, waits, _ = mailing.messages.order_by("id").values_list("phone_number", flat=True)
    InboundText.objects.create(
        phone_number=second, alias="main", received_at=mailing.created_at.replace(year=2020)
    )
    written = {f"+{first}": "Yes, please", waits: "Hello", "not a number": "Hello"}
    now = timezone.now()
    process_inbound([Inbound("main", number, text, now) for number, text in written.items()])

    found = matching({"mailings": {"answered": [mailing.id]}})

    assert [client.phone_number for client in found] == [first]
    forget_old_texts()
    assert InboundText.objects.count() == 2
    erase_client(found.get().id)
    assert not InboundText.objects.filter(phone_number=first).exists()


def test_a_mailing_is_enlisted_by_them(api: Caller) -> None:
    earlier = make_earlier()
    asked = {"mailings": {"not_got": [earlier.id]}}
    preview = api.post("mailings/preview/", mailing_body(filter=asked))
    assert preview.json()["matched"] == len(NOT_REACHED)
    assert api.post("audiences/count/", {"filter": asked}).json() == {"matched": len(NOT_REACHED)}
    shown = api.post("mailings/", mailing_body(filter=asked)).json()
    assert shown["filter"]["mailings"] == {"not_got": [earlier.id]}
    assert launch(shown["id"])
    enlist_all(new := Mailing.objects.get(id=shown["id"]))
    assert new.messages.count() == len(NOT_REACHED)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"got": [999]}, "filter.mailings.got"),
        ({"not_got": []}, "filter.mailings.not_got"),
        ({"not_got": 12}, "filter.mailings.not_got"),
        ({"not_got": ["12"]}, "filter.mailings.not_got"),
        ({"not_got": [True]}, "filter.mailings.not_got"),
        ({"not_got": [0]}, "filter.mailings.not_got"),
        ({"not_got": [2**63]}, "filter.mailings.not_got"),
        ({"got": [1] * 21}, "filter.mailings.got"),
        ({"read": [1]}, "filter.mailings.read"),
        ([], "filter.mailings"),
        ("not_got", "filter.mailings"),
    ],
)
def test_what_is_wrong_is_named_and_never_everybody(
    api: Caller, wanted: object, field: str
) -> None:
    make_clients(2)
    answer = api.post("mailings/", mailing_body(filter={"mailings": wanted}))
    assert answer.status_code == 400
    assert field in errors_of(answer)
    inner = api.post("mailings/", mailing_body(filter={"exclude": {"mailings": wanted}}))
    assert inner.status_code == 400


def test_a_word_that_is_not_known_here_selects_nobody() -> None:
    for asked in ({"mailings": {"read": [1]}}, {"exclude": {"mailings": {"read": [1]}}}):
        with pytest.raises(UnknownCondition):
            matching(asked)


@pytest.mark.parametrize("group", ["include", "exclude"])
def test_the_builder_says_them_and_changes_nothing(group: str) -> None:
    mailing, other = make_mailing(), make_mailing()
    asked = {"mailings": {"got": [mailing.id, other.id], "not_got": [other.id]}}
    audience = asked if group == "include" else {"exclude": asked}
    shown = AudienceForm.from_filter(audience)
    data = QueryDict(mutable=True)
    for row in (*shown.include, *shown.exclude):
        data.appendlist(group, str(row.number))
        data[row["what"].html_name] = row["what"].value()
        data.setlist(row["values"].html_name, row["values"].value())
    data["rows"] = str(shown.rows)
    again = AudienceForm.submitted(data)
    assert again.is_valid(), (again.problems, [row.errors for row in again.include])
    assert again.audience == audience
    words = " ".join(describe(audience))
    assert f"got mailing № {mailing.id} or № {other.id}" in words
    assert f"did not get mailing № {other.id}" in words


@pytest.mark.parametrize("value", ["999999", "x", "", "1.5"])
def test_the_builder_refuses_what_is_no_mailing(value: str) -> None:
    shown = AudienceForm.from_filter({"mailings": {"got": [make_mailing().id]}})
    (row,) = shown.include
    data = QueryDict(mutable=True)
    data.appendlist("include", str(row.number))
    data[row["what"].html_name] = "not-got"
    data[row["values"].html_name] = value
    data["rows"] = "1"
    assert not AudienceForm.submitted(data).is_valid()

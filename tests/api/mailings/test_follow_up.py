"""mailings/{id}/send-again/."""

import threading

import pytest
from django.db import connection, transaction

from tests.api.caller import YEAR, Caller, errors_of
from tests.builders import enlist_all, make_clients, make_running
from tests.dispatch.sent import claim_of, due_ids, mark_in_flight, record
from tests.stack.embedded_servers import wait_until
from vestnik.api.mailings.views import NOBODY_MATCHES
from vestnik.db import sql
from vestnik.dispatch.prepare.launch import launch
from vestnik.mailings.models import CANCEL, FINISH, Mailing

WINDOW = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": f"{YEAR}-01-01T00:00:00Z"}
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
STATES = ["failed", "expired", "unknown", "undelivered", "cancelled", "suppressed"]


def make_finished() -> Mailing:
    """An ended mailing with a client in each of the states, and four whose message was not sent."""
    mailing = make_running(10, text="Hello {{ tag }}", rate_limit=7, name="First")
    for state, message in zip(STATES, mailing.messages.order_by("id"), strict=False):
        message.state, message.error, message.attempt_id = state, "so", 1
        message.sent_at = mailing.started_at
        message.save()
    assert mailing.move(FINISH)
    return mailing


def states_of(other: Mailing, mailing_id: int) -> list[str]:
    """Return the states in the original mailing of the clients of the follow-up."""
    mailing = Mailing.objects.get(id=mailing_id)
    assert launch(mailing_id)
    enlist_all(mailing)
    clients = mailing.messages.values_list("client_id", flat=True)
    return sorted(other.messages.filter(client__in=clients).values_list("state", flat=True))


@pytest.mark.parametrize("asked", [None, ["failed"], ["expired", "unknown"], ["cancelled"]])
def test_a_new_mailing_goes_to_those_who_were_not_reached(
    api: Caller, asked: list[str] | None
) -> None:
    other = make_finished()
    make_clients(3, first=100)

    answer = api.post(
        f"mailings/{other.id}/send-again/", WINDOW | ({"states": asked} if asked else {})
    )

    assert answer.status_code == 201, answer.content
    shown = answer.json()
    wanted = asked or ["failed", "expired", "unknown", "undelivered"]
    assert shown["filter"]["again"] == {"mailing": other.id, "states": wanted}
    assert (shown["text"], shown["rate_limit"], shown["provider"]) == ("Hello {{ tag }}", 7, "null")
    assert states_of(other, shown["id"]) == sorted(wanted)
    assert "send_again" in other.events.values_list("event", flat=True)


def test_those_whom_a_cancel_came_before_are_cancelled_before_their_rows_are(api: Caller) -> None:
    """A message in flight at that moment finishes and is not sent again."""
    other = make_running(3)
    claim = claim_of(other)
    in_flight, *waiting = due_ids(claim)
    mark_in_flight(claim, [in_flight])
    assert other.move(CANCEL)

    body = WINDOW | {"states": ["cancelled"], "text": "Without the mistake"}
    shown = api.post(f"mailings/{other.id}/send-again/", body).json()

    assert launch(shown["id"])
    enlist_all(new := Mailing.objects.get(id=shown["id"]))
    clients = other.messages.filter(id__in=waiting).values_list("client_id", flat=True)
    assert set(new.messages.values_list("client_id", flat=True)) == set(clients)


def test_what_is_given_takes_the_place_of_the_others(api: Caller) -> None:
    other = make_finished()

    body = WINDOW | {"text": "Sorry", "rate_limit": None, "name": "Second", "provider": "console"}
    shown = api.post(f"mailings/{other.id}/send-again/", body).json()

    assert (shown["text"], shown["rate_limit"], shown["name"]) == ("Sorry", None, "Second")
    assert shown["provider"] == "console"


def test_an_earlier_follow_up_is_named(api: Caller) -> None:
    """Its clients are still not reached by the first mailing, so they would get both."""
    other = make_finished()
    path = f"mailings/{other.id}/send-again/"

    first = api.post(path, WINDOW).json()
    second = api.post(path, WINDOW).json()
    assert Mailing.objects.get(id=second["id"]).move(CANCEL)
    third = api.post(path, WINDOW).json()

    assert first["warnings"] == []
    assert f"Later mailings to the same clients: {first['id']}. " in second["warnings"][0]
    assert (
        third["warnings"] == second["warnings"]
    )  # what was cancelled before it started sent nothing


def test_a_later_one_of_the_first_mailing_is_named(api: Caller) -> None:
    """The clients whom its own follow-up did not reach may have got that one."""
    first = make_finished()
    second = api.post(f"mailings/{first.id}/send-again/", WINDOW).json()
    third = api.post(f"mailings/{first.id}/send-again/", WINDOW).json()
    assert launch(second["id"])
    assert Mailing.objects.get(id=second["id"]).move(CANCEL)

    answer = api.post(f"mailings/{second['id']}/send-again/", WINDOW | {"states": ["cancelled"]})

    assert f"Later mailings to the same clients: {third['id']}. " in answer.json()["warnings"][-1]


def test_one_to_nobody_is_accepted_with_a_warning(api: Caller) -> None:
    """As a mailing whose filter matches no client is."""
    other = make_running(1)
    record(other, ["sent"])
    assert other.move(FINISH)

    answer = api.post(f"mailings/{other.id}/send-again/", WINDOW | {"states": ["failed"]})

    assert answer.json()["warnings"] == [NOBODY_MATCHES]


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_told_of_the_other(api: Caller) -> None:
    other, warnings = make_finished(), list[list[str]]()

    def send() -> None:
        answer = api.post(f"mailings/{other.id}/send-again/", WINDOW)
        warnings.append(answer.json()["warnings"])
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    with transaction.atomic():  # both have read what was before, and wait for the original
        Mailing.objects.select_for_update(no_key=True).get(id=other.id)
        for thread in threads:
            thread.start()
        wait_until(lambda: sql.value(WAITING) == 2, seconds=20)
    for thread in threads:
        thread.join(20)

    assert sorted(map(len, warnings)) == [0, 1]


def test_a_mailing_that_may_still_reach_them_is_not_sent_again(api: Caller) -> None:
    mailing = make_running(1)

    assert api.post(f"mailings/{mailing.id}/send-again/", WINDOW).status_code == 409
    assert api.post("mailings/999999/send-again/", WINDOW).status_code == 404


@pytest.mark.parametrize("states", [[], ["sent"], ["failed", "failed"], "failed", [5], None])
def test_states_are_named_once_each(api: Caller, states: object) -> None:
    other = make_finished()

    answer = api.post(f"mailings/{other.id}/send-again/", WINDOW | {"states": states})

    assert answer.status_code == 400
    assert "states" in errors_of(answer)


def test_the_filter_of_such_a_mailing_is_not_given_by_hand(api: Caller) -> None:
    again = {"again": {"mailing": 1, "states": ["failed"]}}

    answer = api.post("mailings/", WINDOW | {"text": "x", "filter": again})

    assert "filter.again" in errors_of(answer)

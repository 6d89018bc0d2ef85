"""messages/ and messages/{id}/."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.caller import Caller, errors_of, ids_of
from tests.builders import make_running
from vestnik.dispatch.models import Batch, Message
from vestnik.mailings.models import CANCEL, Mailing

SHAPE = [
    "id",
    "mailing",
    "client",
    "phone_number",
    "text",
    "text_version",
    "state",
    "segments",
    "attempts",
    "provider",
    "provider_message_id",
    "error",
    "reason",
    "created_at",
    "sent_at",
    "delivered_at",
]


def test_a_message_shows_what_its_client_got(api: Caller) -> None:
    mailing = make_running(1, text="Привет")
    message = Message.objects.get()

    shown = api.get(f"messages/{message.id}/").json()

    assert list(shown) == SHAPE
    assert shown["mailing"] == mailing.id
    assert shown["client"] == message.client_id
    assert (shown["text"], shown["state"], shown["provider"]) == ("Привет", "queued", "null")
    assert shown["created_at"].endswith("Z")
    assert api.get("messages/").json()["results"] == [shown]


def test_a_personal_text_is_shown_as_it_was_sent(api: Caller) -> None:
    make_running(1)
    Message.objects.update(text="Привет, Анна")

    assert api.get("messages/").json()["results"][0]["text"] == "Привет, Анна"


def test_a_message_in_flight_is_shown_as_sending(api: Caller) -> None:
    make_running(3)
    ids_in_flight = _mark_in_flight(1)

    assert ids_of(api.get("messages/?state=sending")) == ids_in_flight
    assert len(ids_of(api.get("messages/?state=queued"))) == 2
    assert api.get(f"messages/{ids_in_flight[0]}/").json()["state"] == "sending"


def test_what_is_left_of_a_cancelled_mailing_is_shown_as_cancelled(api: Caller) -> None:
    mailing = make_running(3)
    ids_in_flight = _mark_in_flight(1)
    mailing.apply(CANCEL, actor="test")

    shown = {m["id"]: m["state"] for m in api.get("messages/").json()["results"]}

    assert shown.pop(ids_in_flight[0]) == "sending"
    assert set(shown.values()) == {"cancelled"}
    assert ids_of(api.get(f"messages/?state=cancelled&mailing={mailing.id}")) == list(shown)
    assert ids_of(api.get("messages/?state=queued")) == []


def test_what_is_left_after_the_end_is_shown_as_expired(api: Caller) -> None:
    mailing = make_running(2)
    Mailing.objects.update(ends_at="2026-01-02T00:00:00Z", starts_at="2026-01-01T00:00:00Z")

    assert len(ids_of(api.get("messages/?state=expired"))) == 2
    progress = api.get(f"mailings/{mailing.id}/").json()["progress"]
    assert (progress["expired"], progress["queued"]) == (2, 0)


def test_filters_narrow_the_list_together(api: Caller) -> None:
    first = make_running(3)
    client = first.messages.earliest("id").client_id
    Batch.objects.update(queued=2, failed=1)
    Message.objects.filter(client=client).update(state="failed", error="no such number")
    second = Mailing.objects.schedule(
        text="x",
        starts_at=first.starts_at,
        ends_at=first.ends_at,
        provider="null",
    )

    assert len(ids_of(api.get(f"messages/?mailing={first.id}"))) == 3
    assert ids_of(api.get(f"messages/?mailing={second.id}")) == []
    assert len(ids_of(api.get(f"messages/?client={client}"))) == 1
    assert len(ids_of(api.get(f"messages/?client={client}&state=failed"))) == 1
    assert ids_of(api.get(f"messages/?client={client}&state=queued")) == []
    assert ids_of(api.get(f"messages/?client={client}&mailing={second.id}")) == []
    assert len(ids_of(api.get("messages/?state=failed"))) == 1
    assert ids_of(api.get(f"messages/?mailing=0{first.id}")) != []
    assert ids_of(api.get(f"messages/?mailing={2**63 - 1}")) == []


@pytest.mark.parametrize(
    "filters", ["", "mailing={id}", "state=queued", "mailing={id}&state=queued"]
)
def test_pages_lead_through_all_messages_and_back(api: Caller, filters: str) -> None:
    mailing = make_running(7)
    ids = list(mailing.messages.order_by("id").values_list("id", flat=True))
    seen: list[int] = []
    places: list[Any] = []

    address = f"/api/v1/messages/?page_size=3&{filters.format(id=mailing.id)}"
    while address:
        page = api.get(address).json()
        seen += [row["id"] for row in page["results"]]
        places.append(page)
        address = (page["next"] or "").removeprefix("http://testserver")
    assert seen == ids

    back = api.get(places[-1]["previous"].removeprefix("http://testserver")).json()
    assert back["results"] == places[-2]["results"]


@pytest.mark.parametrize(
    ("filters", "queries"),
    [("", 2), ("mailing={id}", 3), ("state=queued", 3), ("client={client}", 3)],
)
def test_a_page_costs_the_same_whatever_its_size(
    api: Caller,
    django_assert_num_queries: DjangoAssertNumQueries,
    filters: str,
    queries: int,
) -> None:
    mailing = make_running(30)
    client = mailing.messages.earliest("id").client_id
    address = f"messages/?{filters.format(id=mailing.id, client=client)}"
    api.get(address)

    with django_assert_num_queries(queries):  # the key, where to look, the page
        assert ids_of(api.get(address))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=gone", "state"),
        ("state=", "state"),
        ("mailing=x", "mailing"),
        ("mailing=0", "mailing"),
        (f"mailing={2**63}", "mailing"),
        ("client=-1", "client"),
        ("client=1.0", "client"),
        ("phone_number=79261234567", "phone_number"),
    ],
)
def test_a_filter_that_is_wrong_is_refused(api: Caller, query: str, field: str) -> None:
    answer = api.get(f"messages/?{query}")

    assert answer.status_code == 400
    assert field in errors_of(answer)


@pytest.mark.parametrize("id", ["1", str(2**63), "x"])
def test_a_message_that_is_not_there_is_404(api: Caller, id: str) -> None:
    assert api.get(f"messages/{id}/").status_code == 404


def _mark_in_flight(count: int) -> list[int]:
    """Put `count` messages in flight."""
    batch = Batch.objects.get()
    ids = list(Message.objects.order_by("id").values_list("id", flat=True)[:count])
    batch.state, batch.claim_id, batch.attempt_id, batch.in_flight = "claimed", 1, 1, ids
    batch.save()
    return ids

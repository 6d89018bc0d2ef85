"""mailings/ and mailings/{id}/, to create, list and read."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from tests.api.caller import TEXT, YEAR, Caller, ids_of, mailing_body
from tests.builders import make_mailing, make_running
from vestnik.mailings.models import Mailing

SHAPE = [
    "id",
    "name",
    "text",
    "filter",
    "starts_at",
    "ends_at",
    "local_hours",
    "provider",
    "rate_limit",
    "test",
    "text_version",
    "state",
    "state_reason",
    "reason",
    "held",
    "held_reason",
    "progress",
    "created_at",
    "enlisted_at",
    "started_at",
    "finished_at",
]
COUNTS = [
    "matched",
    "queued",
    "sending",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "unknown",
    "expired",
    "cancelled",
    "suppressed",
]


def test_a_mailing_is_created_with_no_more_than_what_it_needs(api: Caller) -> None:
    answer = api.post("mailings/", mailing_body())

    assert answer.status_code == 201
    shown = answer.json()
    assert shown.pop("warnings") == [
        "No client matches the filter now: a start would finish without any message."
    ]
    assert list(shown) == SHAPE
    assert shown["progress"] == dict.fromkeys(COUNTS, 0)
    assert list(shown["progress"]) == COUNTS
    assert shown["filter"] == {"operator_codes": [], "tags": [], "attributes": {}}
    assert (shown["state"], shown["provider"], shown["name"]) == ("scheduled", "console", "")
    assert (shown["local_hours"], shown["rate_limit"], shown["started_at"]) == (None, None, None)
    assert (shown["starts_at"], shown["ends_at"]) == (
        "2026-01-01T00:00:00Z",
        f"{YEAR - 1}-12-31T21:00:00Z",
    )
    assert api.get(answer["Location"]).json() == shown


def test_all_that_may_be_given_is_kept(api: Caller) -> None:
    given = {
        "name": "Чёрная пятница",
        "filter": {"operator_codes": ["926", "916", "926"], "tags": ["vip", ""], "attributes": {}},
        "provider": "console",
        "rate_limit": 200,
        "local_hours": None,
    }

    shown = api.post("mailings/", mailing_body(**given)).json()

    assert shown["filter"] == {
        "operator_codes": ["926", "916"],
        "tags": ["vip", ""],
        "attributes": {},
    }
    assert (shown["name"], shown["rate_limit"]) == ("Чёрная пятница", 200)
    assert Mailing.objects.get().events.get().actor == "key:tests"


def test_the_text_is_kept_as_it_will_be_sent(api: Caller) -> None:
    shown = api.post("mailings/", mailing_body(text="Чай\r\nкофе")).json()

    assert shown["text"] == "Чай\nкофе"


def test_the_end_may_be_a_moment_away_but_not_past(api: Caller) -> None:
    soon = (timezone.now() + timedelta(seconds=5)).isoformat()
    past = (timezone.now() - timedelta(seconds=1)).isoformat()

    assert api.post("mailings/", mailing_body(ends_at=soon)).status_code == 201
    assert api.post("mailings/", mailing_body(ends_at=past)).status_code == 400


def test_a_worker_is_told_to_look_once_the_mailing_is_there(
    api: Caller, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        api.post("mailings/", mailing_body())
    assert len(callbacks) == 1

    with django_capture_on_commit_callbacks() as callbacks:
        api.post("mailings/", mailing_body(text=""))
    assert callbacks == []


def test_the_newest_comes_first(api: Caller) -> None:
    ids = [make_mailing(text=TEXT).id for _ in range(5)]

    first = api.get("mailings/?page_size=2").json()
    second = api.get(first["next"].removeprefix("http://testserver")).json()
    back = api.get(second["previous"].removeprefix("http://testserver")).json()

    assert [row["id"] for row in first["results"]] == ids[:-3:-1]
    assert [row["id"] for row in second["results"]] == ids[2:0:-1]
    assert back["results"] == first["results"]
    assert back["previous"] is None


def test_a_page_reads_the_progress_of_all_by_one_query(
    api: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    running = make_running(3)
    for _ in range(25):
        make_mailing()
    api.get("mailings/")

    with django_assert_num_queries(3):  # the key, the mailings, their progress
        page = api.get("mailings/?page_size=26")

    assert len(ids_of(page)) == 26
    assert page.json()["results"][-1]["id"] == running.id
    assert page.json()["results"][-1]["progress"]["queued"] == 3


@pytest.mark.parametrize("id", ["1", str(2**63), "x", "-1"])
def test_a_mailing_that_is_not_there_is_404(api: Caller, id: str) -> None:
    assert api.get(f"mailings/{id}/").status_code == 404
    assert api.patch(f"mailings/{id}/", {}).status_code == 404


def test_a_mailing_is_neither_replaced_nor_deleted(api: Caller) -> None:
    mailing = make_mailing()

    answer = api.delete(f"mailings/{mailing.id}/")

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD, PATCH"
    assert api.put(f"mailings/{mailing.id}/", mailing_body()).status_code == 405

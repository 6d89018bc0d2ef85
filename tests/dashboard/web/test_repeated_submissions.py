"""A page that is submitted again, because its answer did not arrive, gets no error."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client as Browser
from django.utils import timezone

from tests.builders import make_client
from tests.dashboard.mailings.writing import condition
from tests.dashboard.visiting import make_user, visitor
from vestnik.audience.imports import Import
from vestnik.audience.models import Client, SavedAudience, StopListEntry
from vestnik.audience.stop_list import Source
from vestnik.dashboard.clients import bulk_actions
from vestnik.dashboard.clients.bulk import sign
from vestnik.dashboard.models import Submission
from vestnik.dashboard.web.form_idempotency import claim_token
from vestnik.dispatch.suppress.opt_out import stop_numbers

pytestmark = pytest.mark.django_db

NUMBER = "79261234567"
TAGGED = {
    "rows": "1",
    "include": ["0"],
    **condition("include", 0, what="tag", values=["vip"]),
    "do": "save",
}
BEFORE = "It was deleted before: nothing was done again."


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user("chief", "admin"))


def posted(browser: Browser, page: str, fields: dict[str, Any]) -> tuple[str, str]:
    """The address and the text of the page that follows."""
    answer = browser.post(page, fields, follow=True)
    assert answer.status_code == 200
    return str(answer.request["PATH_INFO"]), answer.content.decode()


@pytest.mark.parametrize(
    ("page", "fields", "count"),
    [
        ("/clients/add/", {"phone_number": NUMBER}, Client.objects.count),
        ("/clients/audiences/new/", {**TAGGED, "name": "VIP"}, SavedAudience.objects.count),
    ],
)
def test_it_creates_nothing_twice(
    browser: Browser, page: str, fields: dict[str, Any], count: Callable[[], int]
) -> None:
    sent = {**fields, "token": str(uuid.uuid4())}

    first, second = posted(browser, page, sent), posted(browser, page, sent)

    assert first[0] == second[0] != page
    assert "Another" not in second[1]
    assert count() == 1


def test_another_client_after_back_is_added_too(browser: Browser) -> None:
    sent = {"phone_number": NUMBER, "token": str(uuid.uuid4())}
    posted(browser, "/clients/add/", sent)

    posted(browser, "/clients/add/", {**sent, "phone_number": "79261234568"})

    assert Client.objects.count() == 2


def test_a_taken_number_is_refused_as_before(browser: Browser) -> None:
    make_client(NUMBER)
    sent = {"phone_number": NUMBER, "token": str(uuid.uuid4())}

    answer = browser.post("/clients/add/", sent)

    assert (answer.status_code, Client.objects.count()) == (422, 1)
    assert "Another client has this number" in answer.content.decode()


def erasable(_browser: Browser) -> str:
    return f"/clients/{make_client(NUMBER).id}/erase/"


def listed(_browser: Browser) -> str:
    stop_numbers([NUMBER], Source.PAGES)
    return f"/stop-list/{StopListEntry.objects.get().id}/remove/"


def audience(_browser: Browser) -> str:
    return f"/clients/audiences/{SavedAudience.objects.create(name='All', filter={}).id}/delete/"


def draft(browser: Browser) -> str:
    file = SimpleUploadedFile("clients.csv", b"phone_number\n79261234567\n")
    browser.post("/clients/import/", {"into": "clients", "file": file})
    return f"/clients/imports/{Import.objects.get().id}/"


@pytest.mark.parametrize("make", [erasable, listed, audience, draft])
def test_what_was_deleted_is_said_so(browser: Browser, make: Callable[[Browser], str]) -> None:
    page = make(browser)
    first, _ = posted(browser, page, {"discard": "1"})

    second, text = posted(browser, page, {"discard": "1"})

    assert first == second
    assert BEFORE in text
    assert browser.get(page).status_code == 404


def test_an_action_on_many_clients_is_done_once(browser: Browser) -> None:
    ids = [make_client(f"7926123456{n}").id for n in range(3)]
    sent = {"does": "delete", "id": ids, "shown": sign("delete", ids), "typed": "3"}
    sent["token"] = str(uuid.uuid4())

    _, first = posted(browser, "/clients/bulk/", sent)
    _, second = posted(browser, "/clients/bulk/", sent)

    assert "3 clients are deleted" in first
    assert "This page was submitted before." in second
    assert "no client is chosen" not in second


def test_an_action_whose_process_was_killed_continues_later(browser: Browser) -> None:
    """While the process may still run, the page is answered as one that was submitted before."""
    ids = [make_client(f"7926123456{n}").id for n in range(3)]
    sent = {"does": "tag", "id": ids, "shown": sign("tag", ids), "new_tag": "vip"}
    sent["token"] = str(uuid.uuid4())
    assert claim_token(form_of(sent))  # and the process is killed

    _, running = posted(browser, "/clients/bulk/", sent)
    assert "This page was submitted before." in running
    assert Client.objects.filter(tag="vip").count() == 0

    Submission.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    _, later = posted(browser, "/clients/bulk/", sent)
    assert "3 clients are tagged" in later

    Submission.objects.update(created_at=timezone.now() - timedelta(days=1))
    _, done = posted(browser, "/clients/bulk/", sent)
    assert "This page was submitted before." in done


def form_of(fields: dict[str, Any]) -> QueryDict:
    return QueryDict(urlencode(fields, doseq=True))


def test_another_action_after_back_is_done_too(browser: Browser) -> None:
    ids = [make_client(NUMBER).id]
    sent = {"does": "tag", "id": ids, "shown": sign("tag", ids), "token": str(uuid.uuid4())}

    for tag in ("vip", "gold"):
        _, text = posted(browser, "/clients/bulk/", {**sent, "new_tag": tag})
        assert "1 client is tagged" in text

    assert Client.objects.get().tag == "gold"


def test_an_action_that_was_interrupted_can_be_repeated(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [make_client(NUMBER).id]
    sent = {"does": "tag", "id": ids, "shown": sign("tag", ids), "new_tag": "vip"}
    sent["token"] = str(uuid.uuid4())
    whole = bulk_actions.BULK_ACTIONS["tag"]

    def broken(_ids: Any, _data: Any) -> int:
        raise RuntimeError

    broken_action = bulk_actions.BulkAction(whole.label, whole.needs, broken, whole.success_text)
    with monkeypatch.context() as patch:
        patch.setitem(bulk_actions.BULK_ACTIONS, "tag", broken_action)
        with pytest.raises(RuntimeError):
            browser.post("/clients/bulk/", sent)

    _, text = posted(browser, "/clients/bulk/", sent)

    assert "1 client is tagged" in text
    assert Client.objects.get().tag == "vip"
